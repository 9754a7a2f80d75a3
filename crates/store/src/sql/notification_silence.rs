//! Times in which channels aren't notified.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, SilenceId};
use bucketry_model::notification::{NotificationSilence, SilencedPart, code_of, code_text};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, for_update};
use super::readable::readable;
use crate::Result;
use crate::notification_silence::NotificationSilenceStore;

fn silence(row: &Row) -> Result<NotificationSilence> {
    let mut columns = Columns::of(row);
    Ok(NotificationSilence {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        part: SilencedPart {
            workspace_id: columns.optional_parsed()?,
            channel_id: columns.optional_parsed()?,
            code: columns.optional_read(code_of)?,
            bucket_id: columns.optional_parsed()?,
        },
        starts_at: columns.time()?,
        ends_at: columns.time()?,
        window: columns.optional_parsed()?,
        comment: columns.text()?,
        created_by: columns.text()?,
        created_at: columns.time()?,
    })
}

#[async_trait]
impl NotificationSilenceStore for SqlStore {
    async fn insert_notification_silence(
        &self,
        silence: &NotificationSilence,
        most: u32,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        let org_id = silence.org_id.to_string();
        let lock = concat!("SELECT id FROM organizations WHERE id = $1", for_update!());
        write.row(query(lock).bind(&org_id)).await?;
        // Those that have ended are pruned soon.
        let count = "SELECT COUNT(*) FROM (SELECT 1 FROM notification_silences s WHERE s.org_id = $1 LIMIT $2) counted";
        let row = write.row(query(count).bind(&org_id).bind(i64::from(most))).await?;
        let present: i64 = row.map_or(Ok(0), |row| Columns::of(&row).number())?;
        if present >= i64::from(most) {
            return Ok(false);
        }
        let sql = "INSERT INTO notification_silences (id, org_id, workspace_id, channel_id, code, bucket_id, starts_at, \
                   ends_at, daily_window, comment, created_by, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
        let part = silence.part;
        let insert = query(sql)
            .bind(silence.id.to_string())
            .bind(&org_id)
            .bind(part.workspace_id.map(|id| id.to_string()))
            .bind(part.channel_id.map(|id| id.to_string()))
            .bind(part.code.map(code_text))
            .bind(part.bucket_id.map(|id| id.to_string()))
            .bind(to_micros(silence.starts_at))
            .bind(to_micros(silence.ends_at))
            .bind(silence.window.map(|window| window.to_string()))
            .bind(silence.comment.as_str())
            .bind(silence.created_by.as_str())
            .bind(to_micros(silence.created_at));
        write.execute(insert).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn notification_silences(&self, org_id: OrgId, now: Timestamp) -> Result<Vec<NotificationSilence>> {
        let sql = "SELECT s.id, s.org_id, s.workspace_id, s.channel_id, s.code, s.bucket_id, s.starts_at, s.ends_at, \
                   s.daily_window, s.comment, s.created_by, s.created_at FROM notification_silences s \
                   WHERE s.org_id = $1 AND s.ends_at > $2 ORDER BY s.id DESC";
        let rows = self.rows(query(sql).bind(org_id.to_string()).bind(to_micros(now))).await?;
        readable(&rows, silence)
    }

    async fn delete_notification_silence(
        &self,
        org_id: OrgId,
        id: SilenceId,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        let sql = "DELETE FROM notification_silences WHERE id = $1 AND org_id = $2";
        let deleted = write.execute(query(sql).bind(id.to_string()).bind(org_id.to_string())).await? > 0;
        write.commit_if(deleted).await?;
        Ok(deleted)
    }

    async fn purge_notification_silences(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM notification_silences WHERE id IN \
                   (SELECT s.id FROM notification_silences s WHERE s.ends_at < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
