//! Notification channels.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{ChannelId, OrgId, WorkspaceId};
use bucketry_model::time::to_micros;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, for_update};
use super::inventory::json;
use super::live_workspace;
use super::readable::readable;
use super::statement::Write;
use crate::Result;
use crate::bucket::SecretUpdate;
use crate::notification_channel::{
    ChannelInserted, ChannelStore, ChannelUpdate, NewChannel, NotificationChannel, WatchedChannel,
};

/// The columns of a channel.
macro_rules! channel_columns {
    () => {
        "c.id, c.org_id, c.workspace_id, c.name, c.enabled, c.target, c.sealed_to, c.rules, c.created_at, c.updated_at"
    };
}
pub(super) use channel_columns;

/// Reads `channel_columns!()`.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<NotificationChannel> {
    Ok(NotificationChannel {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        workspace_id: columns.optional_parsed()?,
        name: columns.name()?,
        enabled: columns.flag()?,
        target: columns.read(serde_json::from_str)?,
        has_secret: columns.optional_text()?.is_some(),
        rules: columns.read(serde_json::from_str)?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}

fn channel(row: &Row) -> Result<NotificationChannel> {
    read(&mut Columns::of(row))
}

/// Whether the organization has room for another channel. Channels that are added at once wait for each other.
async fn has_room(write: &mut Write, org_id: OrgId, most: u32) -> Result<bool> {
    let lock = concat!("SELECT id FROM organizations WHERE id = $1", for_update!());
    write.row(query(lock).bind(org_id.to_string())).await?;
    let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM notification_channels c \
               WHERE c.org_id = $1 AND c.deleted_at IS NULL LIMIT $2) counted";
    let row = write.row(query(sql).bind(org_id.to_string()).bind(i64::from(most))).await?;
    let count: i64 = row.map_or(Ok(0), |row| Columns::of(&row).number())?;
    Ok(count < i64::from(most))
}

/// Deletes the channels of a workspace that is deleted.
pub(super) async fn delete_of_workspace(
    write: &mut Write,
    id: WorkspaceId,
    org_id: OrgId,
    now: i64,
) -> Result<()> {
    let sql = "UPDATE notification_channels SET deleted_at = $3, enabled = FALSE, secret = NULL, sealed_to = NULL, \
               due_at = NULL WHERE org_id = $1 AND workspace_id = $2 AND deleted_at IS NULL";
    write.execute(query(sql).bind(org_id.to_string()).bind(id.to_string()).bind(now)).await.map(drop)
}

#[async_trait]
impl ChannelStore for SqlStore {
    async fn insert_channel(
        &self,
        new: &NewChannel,
        most: u32,
        audit: &AuditEntry,
    ) -> Result<ChannelInserted> {
        let mut write = self.write_audited(audit).await?;
        if let Some(workspace_id) = new.workspace_id
            && !live_workspace::is_live(&mut write, new.org_id, workspace_id).await?
        {
            return Ok(ChannelInserted::WorkspaceNotFound);
        }
        if !has_room(&mut write, new.org_id, most).await? {
            return Ok(ChannelInserted::TooMany);
        }
        let sql = "INSERT INTO notification_channels (id, org_id, workspace_id, name, enabled, target, secret, \
                   sealed_to, rules, created_at, updated_at, claims, conditions) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, 0)";
        let insert = query(sql)
            .bind(new.id.to_string())
            .bind(new.org_id.to_string())
            .bind(new.workspace_id.map(|id| id.to_string()))
            .bind(new.name.as_str())
            .bind(new.enabled)
            .bind(json(&new.target)?)
            .bind(new.secret.as_ref().map(|secret| secret.sealed.as_text()))
            .bind(new.secret.as_ref().map(|secret| secret.sealed_to.as_str()))
            .bind(json(&new.rules)?)
            .bind(to_micros(audit.at));
        write.execute(insert).await?;
        write.commit().await?;
        Ok(ChannelInserted::Inserted)
    }

    async fn channel(&self, org_id: OrgId, id: ChannelId) -> Result<Option<NotificationChannel>> {
        let sql = concat!(
            "SELECT ",
            channel_columns!(),
            " FROM notification_channels c WHERE c.id = $1 AND c.org_id = $2 AND c.deleted_at IS NULL"
        );
        let row = self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
        row.as_ref().map(channel).transpose()
    }

    async fn channels(&self, org_id: OrgId) -> Result<Vec<NotificationChannel>> {
        let sql = concat!(
            "SELECT ",
            channel_columns!(),
            " FROM notification_channels c WHERE c.org_id = $1 AND c.deleted_at IS NULL ORDER BY c.id DESC"
        );
        readable(&self.rows(query(sql).bind(org_id.to_string())).await?, channel)
    }

    async fn update_channel(
        &self,
        org_id: OrgId,
        id: ChannelId,
        update: &ChannelUpdate,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        let (replaces, secret) = match &update.secret {
            SecretUpdate::Keep => (false, None),
            SecretUpdate::Clear => (true, None),
            SecretUpdate::Replace { secret, .. } => (true, Some(secret)),
        };
        // An enabled channel is looked at once, for messages that waited while it was disabled.
        let sql = "UPDATE notification_channels SET name = $3, enabled = $4, target = $5, rules = $6, updated_at = $7, \
                   secret = CASE WHEN $8 THEN $9 ELSE secret END, \
                   sealed_to = CASE WHEN $8 THEN $10 ELSE sealed_to END, \
                   due_at = CASE WHEN $4 THEN COALESCE(due_at, $7) END \
                   WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
        let update = query(sql)
            .bind(id.to_string())
            .bind(org_id.to_string())
            .bind(update.name.as_str())
            .bind(update.enabled)
            .bind(json(&update.target)?)
            .bind(json(&update.rules)?)
            .bind(to_micros(audit.at))
            .bind(replaces)
            .bind(secret.map(|secret| secret.sealed.as_text()))
            .bind(secret.map(|secret| secret.sealed_to.as_str()));
        let changed = write.execute(update).await? > 0;
        write.commit_if(changed).await?;
        Ok(changed)
    }

    async fn delete_channel(&self, org_id: OrgId, id: ChannelId, audit: &AuditEntry) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        let sql = "UPDATE notification_channels SET deleted_at = $3, enabled = FALSE, secret = NULL, sealed_to = NULL, \
                   due_at = NULL WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
        let delete = query(sql).bind(id.to_string()).bind(org_id.to_string()).bind(to_micros(audit.at));
        let deleted = write.execute(delete).await? > 0;
        write.commit_if(deleted).await?;
        Ok(deleted)
    }

    async fn watched_channels(&self, after: Option<ChannelId>, limit: u32) -> Result<Vec<WatchedChannel>> {
        let sql = concat!(
            "SELECT ",
            channel_columns!(),
            ", c.conditions FROM notification_channels c WHERE c.id > $1 AND c.enabled ORDER BY c.id LIMIT $2"
        );
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let watched = |row: &Row| {
            let mut columns = Columns::of(row);
            Ok(WatchedChannel { channel: read(&mut columns)?, conditions: columns.narrow()? })
        };
        let statement = |limit: i64| query(sql).bind(after.clone()).bind(limit);
        self.readable_page(limit, statement, watched).await
    }

    async fn purge_channels(&self, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let deleted = "SELECT c.id FROM notification_channels c WHERE c.deleted_at IS NOT NULL AND c.id > '' ORDER BY c.id LIMIT 1";
        let Some(row) = write.row(query(deleted)).await? else { return Ok(0) };
        let id = Columns::of(&row).text()?;
        let mut removed = 0;
        for sql in [
            "DELETE FROM notification_conditions WHERE (channel_id, condition) IN \
             (SELECT o.channel_id, o.condition FROM notification_conditions o WHERE o.channel_id = $1 LIMIT $2)",
            "DELETE FROM notifications WHERE id IN \
             (SELECT n.id FROM notifications n WHERE n.channel_id = $1 LIMIT $2)",
        ] {
            removed += write.execute(query(sql).bind(id.as_str()).bind(i64::from(at_most))).await?;
        }
        if removed == 0 {
            removed =
                write.execute(query("DELETE FROM notification_channels WHERE id = $1").bind(id)).await?;
        }
        write.commit().await?;
        Ok(removed)
    }
}
