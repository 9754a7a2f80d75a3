//! Sealed secrets as a whole, and the state of their rotation.

use async_trait::async_trait;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BoundSecret;
use bucketry_model::secret::SealedSecret;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::Row;
use crate::Result;
use crate::bucket::StoredSecret;
use crate::vault::{RotationPhase, RotationState, VaultStore};

const PHASES: [(RotationPhase, &str); 4] = [
    (RotationPhase::NewIdentity, "NEW_IDENTITY"),
    (RotationPhase::Resealing, "RESEALING"),
    (RotationPhase::Retiring, "RETIRING"),
    (RotationPhase::Done, "DONE"),
];

fn phase_text(phase: RotationPhase) -> &'static str {
    PHASES.iter().find(|(one, _)| *one == phase).map_or("DONE", |(_, text)| text)
}

struct NotAPhase;

fn phase(text: &str) -> std::result::Result<RotationPhase, NotAPhase> {
    PHASES.iter().find(|(_, one)| *one == text).map(|(phase, _)| *phase).ok_or(NotAPhase)
}

fn bound_secret(row: &Row) -> Result<(BoundSecret, String)> {
    let mut columns = Columns::of(row);
    let secret = BoundSecret {
        bucket_id: columns.parsed()?,
        org_id: columns.parsed()?,
        secret: SealedSecret::from_text(columns.text()?),
    };
    Ok((secret, columns.text()?))
}

#[async_trait]
impl VaultStore for SqlStore {
    async fn count_secrets(&self) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM buckets WHERE sealed_to IS NOT NULL";
        self.row(query(sql)).await?.map_or(Ok(0), |row| Columns::of(&row).narrow())
    }

    async fn secrets_after(&self, after: Option<BucketId>, limit: u32) -> Result<Vec<(BoundSecret, String)>> {
        let sql = "SELECT id, org_id, secret, sealed_to FROM buckets \
                   WHERE sealed_to IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.rows(query(sql).bind(after).bind(i64::from(limit))).await?.iter().map(bound_secret).collect()
    }

    async fn replace_secrets(
        &self,
        replacements: &[(BucketId, SealedSecret, StoredSecret)],
        now: Timestamp,
    ) -> Result<u64> {
        let mut write = self.write().await?;
        let mut replaced = 0;
        for (id, old, new) in replacements {
            let sql = "UPDATE buckets SET secret = $3, sealed_to = $4, version = version + 1 \
                       WHERE id = $1 AND secret = $2 AND deleted_at IS NULL RETURNING org_id";
            let update = query(sql)
                .bind(id.to_string())
                .bind(old.as_text())
                .bind(new.sealed.as_text())
                .bind(new.sealed_to.as_str());
            let Some(row) = write.row(update).await? else { continue };
            let org_id = Columns::of(&row).parsed()?;
            write.announce(org_id, *id, now);
            write.touch(Some(org_id));
            replaced += 1;
        }
        write.commit().await?;
        Ok(replaced)
    }

    async fn rotation(&self) -> Result<Option<RotationState>> {
        let sql = "SELECT phase, last_bucket, total, done, failed, started_at, finished_at FROM vault_rotation \
                   WHERE id = 1";
        let Some(row) = self.row(query(sql)).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(RotationState {
            phase: columns.read(phase)?,
            cursor: columns.optional_parsed()?,
            total: columns.narrow()?,
            done: columns.narrow()?,
            failed: columns.narrow()?,
            started_at: columns.time()?,
            finished_at: columns.optional_time()?,
        }))
    }

    async fn set_rotation(&self, state: &RotationState) -> Result<()> {
        let mut write = self.write().await?;
        let sql = "INSERT INTO vault_rotation (id, phase, last_bucket, total, done, failed, started_at, finished_at) \
                   VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, \
                   last_bucket = excluded.last_bucket, total = excluded.total, done = excluded.done, \
                   failed = excluded.failed, started_at = excluded.started_at, finished_at = excluded.finished_at";
        let upsert = query(sql)
            .bind(phase_text(state.phase))
            .bind(state.cursor.map(|id| id.to_string()))
            .bind(stored(state.total))
            .bind(stored(state.done))
            .bind(stored(state.failed))
            .bind(to_micros(state.started_at))
            .bind(state.finished_at.map(to_micros));
        write.execute(upsert).await?;
        write.commit().await
    }
}
