//! Records of changes, refusals and sign-ins. Their list is in `audit_list`.

use async_trait::async_trait;
use bucketry_model::audit::{
    AuditActor, AuditDetail, AuditEntry, AuditRecord, AuditRefusal, AuditTarget, RequestOrigin,
};
use bucketry_model::id::{OrgId, UserId};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::audit_row::record_columns;
use super::columns::Columns;
use super::dialect::Row;
use super::statement::InList;
use crate::Result;
use crate::audit::{AuditQuery, AuditStore};

/// Reads `record_columns!()`.
pub(super) fn record(row: &Row) -> Result<AuditRecord> {
    let mut columns = Columns::of(row);
    let id = columns.number()?;
    let (org_id, at) = (columns.optional_parsed()?, columns.time()?);
    let actor = actor(&mut columns)?;
    let origin = RequestOrigin {
        address: columns.optional_parsed()?,
        request_id: columns.optional_text()?.map(Into::into),
    };
    let (kind, action) = (columns.number()?.into(), columns.number()?.into());
    let target = AuditTarget {
        id: columns.optional_text()?,
        name: columns.optional_text()?,
        workspace_id: columns.optional_parsed()?,
    };
    let (status, code) = (columns.optional_narrow()?, columns.optional_text()?);
    let refusal = status.map(|status| AuditRefusal { status, code: code.unwrap_or_default().into() });
    let entry = AuditEntry {
        org_id,
        at,
        actor,
        origin,
        kind,
        action,
        target,
        refusal,
        repeats: columns.narrow()?,
        before: columns.optional_text()?.map(AuditDetail::from_stored),
        after: columns.optional_text()?.map(AuditDetail::from_stored),
    };
    Ok(AuditRecord { id, entry })
}

/// Reads `actor, user_id, actor_name, token_id`.
fn actor(columns: &mut Columns<'_>) -> Result<AuditActor> {
    let kind = columns.text()?;
    let id = columns.optional_parsed()?;
    let name = columns.optional_text()?.unwrap_or_default();
    let token_id = columns.optional_parsed()?;
    Ok(match (kind.as_str(), id) {
        ("USER", Some(id)) => AuditActor::User { id, email: name, token_id },
        ("NODE", _) => AuditActor::Node(name),
        ("OPERATOR", _) => AuditActor::Operator,
        ("SYSTEM", _) => AuditActor::System,
        ("UNKNOWN", _) => AuditActor::Unknown(name),
        // A kind of actor of a newer version.
        (other, _) => AuditActor::Unknown(format!("{other} {name}").trim_end().to_owned()),
    })
}

#[async_trait]
impl AuditStore for SqlStore {
    async fn record(&self, entries: &[AuditEntry]) -> Result<()> {
        let mut write = self.write().await?;
        write.audit(entries);
        write.commit().await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>> {
        self.audit_page(query).await
    }

    async fn count_audit(&self, query: &AuditQuery, at_most: u32) -> Result<u64> {
        self.audit_count(query, at_most).await
    }

    async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditRecord>> {
        let sql = concat!("SELECT ", record_columns!(), " FROM audit WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self.rows(query(sql).bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(record).collect()
    }

    async fn latest_audit(&self) -> Result<i64> {
        let row = self.row(query("SELECT COALESCE((SELECT MAX(a.id) FROM audit a), 0)")).await?;
        row.map_or(Ok(0), |row| Columns::of(&row).number())
    }

    async fn audit_stream(&self, name: &str) -> Result<Option<i64>> {
        let sql = "SELECT position FROM audit_streams WHERE name = $1";
        self.row(query(sql).bind(name)).await?.map(|row| Columns::of(&row).number()).transpose()
    }

    async fn set_audit_stream(&self, name: &str, position: i64) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "INSERT INTO audit_streams (name, position) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET position = excluded.position";
        write.execute(query(sql).bind(name).bind(position)).await?;
        write.commit().await
    }

    async fn mark_audit(&self, org_id: OrgId, user_id: UserId, ids: &[i64], read: bool) -> Result<()> {
        let mut write = self.write().await?;
        let sql = if read {
            "INSERT INTO audit_reads (audit_id, user_id) \
             SELECT a.id, $3 FROM audit a WHERE a.id = $1 AND a.org_id = $2 ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM audit_reads WHERE audit_id = $1 AND user_id = $3 \
             AND EXISTS (SELECT 1 FROM audit a WHERE a.id = $1 AND a.org_id = $2)"
        };
        for id in ids {
            let mark = query(sql).bind(*id).bind(org_id.to_string()).bind(user_id.to_string());
            write.execute(mark).await?;
        }
        write.commit().await
    }

    async fn audit_marked(&self, user_id: UserId, ids: &[i64]) -> Result<Vec<i64>> {
        let list = InList::new("SELECT audit_id FROM audit_reads WHERE user_id = $1 AND audit_id IN (", ")");
        let rows = self.rows_in_number_list(&list.text(user_id), ids).await?;
        rows.iter().map(|row| Columns::of(row).number()).collect()
    }

    async fn purge_audit(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        // In the order of the table, so that no index on the time is needed. A record from a clock that was ahead
        // is deleted later than its neighbours.
        let sql = "DELETE FROM audit WHERE id IN (SELECT o.id FROM \
                   (SELECT a.id, a.at FROM audit a ORDER BY a.id LIMIT $2) o WHERE o.at < $1)";
        let purged = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(purged)
    }
}
