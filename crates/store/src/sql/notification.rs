//! The conditions that channels were notified about, and messages. Deliveries are in `notification_delivery`.
//!
//! Every write locks the channel's row first. Writers of one channel therefore wait for each other, and a message
//! that is stored while another one is settled is not overlooked.

use async_trait::async_trait;
use bucketry_model::id::{ChannelId, NotificationId};
use bucketry_model::notification::{NotificationKind, code_of, code_text};
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::{Row, for_update};
use super::inventory::json;
use super::notification_delivery::{notification, notification_columns};
use super::readable::readable;
use super::statement::{InList, Rows, Write};
use crate::Result;
use crate::notification::{
    ChannelLoad, ClaimedDelivery, DeliveryAttempt, DeliveryClaim, MOST_CONDITIONS, NewNotification,
    NotificationStore, StoredCondition, StoredNotification, WaitingNotifications,
};

/// The rank of a test, which is sent before all others.
const TEST: i64 = 0;
/// The rank of other messages.
const USUAL: i64 = 1;

const NEW_CONDITIONS: Rows<'static> = Rows {
    before: "INSERT INTO notification_conditions (channel_id, condition, code, item, alerted_at) ",
    columns: 5,
    after: " ON CONFLICT (channel_id, condition) DO NOTHING",
};

fn condition(row: &Row) -> Result<StoredCondition> {
    let mut columns = Columns::of(row);
    Ok(StoredCondition {
        condition: columns.text()?,
        code: columns.read(code_of)?,
        item: columns
            .read(|text| if text.is_empty() { Ok(None) } else { serde_json::from_str(text).map(Some) })?,
        alerted_at: columns.time()?,
        cleared_at: columns.optional_time()?,
    })
}

/// Locks an enabled channel. Returns how many conditions it has, or `None` if it was deleted or disabled.
async fn lock(write: &mut Write, id: ChannelId) -> Result<Option<u64>> {
    let sql = concat!(
        "SELECT c.conditions FROM notification_channels c WHERE c.id = $1 AND c.enabled",
        for_update!()
    );
    let row = write.row(query(sql).bind(id.to_string())).await?;
    row.map(|row| Columns::of(&row).narrow()).transpose()
}

/// Changes the number of a channel's conditions.
async fn count(write: &mut Write, id: ChannelId, change: i64) -> Result<()> {
    let sql = "UPDATE notification_channels SET conditions = conditions + $2 WHERE id = $1";
    write.execute(query(sql).bind(id.to_string()).bind(change)).await.map(drop)
}

/// Stores a message, and lets somebody send it.
async fn insert(write: &mut Write, channel_id: ChannelId, new: &NewNotification) -> Result<()> {
    let is_test = new.message.kind == NotificationKind::Test;
    let sql = "INSERT INTO notifications (id, channel_id, kind, title, message, created_at, state, rank, next_at, \
               attempts) VALUES ($1, $2, $3, $4, $5, $6, 'PENDING', $7, $6, 0)";
    let at = to_micros(new.message.at);
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(channel_id.to_string())
        .bind(new.message.kind.as_str())
        .bind(new.message.title.as_str())
        .bind(json(&new.message)?)
        .bind(at)
        .bind(if is_test { TEST } else { USUAL });
    write.execute(insert).await?;
    // A test doesn't wait until a failing receiver is tried again, but it does wait for an attempt in progress.
    let wake = if is_test {
        "UPDATE notification_channels SET due_at = CASE WHEN leased_until > $2 THEN due_at ELSE $2 END WHERE id = $1"
    } else {
        "UPDATE notification_channels SET due_at = COALESCE(due_at, $2) WHERE id = $1"
    };
    write.execute(query(wake).bind(channel_id.to_string()).bind(at)).await.map(drop)
}

#[async_trait]
impl NotificationStore for SqlStore {
    async fn conditions(&self, channel_id: ChannelId) -> Result<Vec<StoredCondition>> {
        let sql = "SELECT o.condition, o.code, o.item, o.alerted_at, o.cleared_at FROM notification_conditions o \
                   WHERE o.channel_id = $1 ORDER BY o.condition LIMIT $2";
        let most = i64::from(MOST_CONDITIONS);
        readable(&self.rows(query(sql).bind(channel_id.to_string()).bind(most)).await?, condition)
    }

    async fn begin_conditions(
        &self,
        channel_id: ChannelId,
        conditions: &[StoredCondition],
        message: Option<&NewNotification>,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let Some(present) = lock(&mut write, channel_id).await? else { return Ok(false) };
        if present + conditions.len() as u64 > u64::from(MOST_CONDITIONS) {
            return Ok(false);
        }
        let mut rows = Vec::with_capacity(conditions.len());
        for one in conditions {
            let item = one.item.as_ref().map(json).transpose()?.unwrap_or_default();
            rows.push((one.condition.as_str(), code_text(one.code), item, to_micros(one.alerted_at)));
        }
        let id = channel_id.to_string();
        let begun = write
            .insert_rows(&NEW_CONDITIONS, &rows, |values, (condition, code, item, at)| {
                values.bind(id.as_str()).bind(*condition).bind(code.as_str()).bind(item.as_str()).bind(*at)
            })
            .await?;
        if begun == 0 {
            return Ok(false);
        }
        count(&mut write, channel_id, stored(begun)).await?;
        if let Some(message) = message {
            insert(&mut write, channel_id, message).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    async fn mark_conditions(
        &self,
        channel_id: ChannelId,
        conditions: &[String],
        cleared_at: Option<Timestamp>,
    ) -> Result<()> {
        let mut write = self.write().await?;
        if lock(&mut write, channel_id).await?.is_none() {
            return Ok(());
        }
        let list = match cleared_at {
            Some(at) => InList::new(
                "UPDATE notification_conditions SET cleared_at = $2 WHERE channel_id = $1 AND condition IN (",
                ")",
            )
            .text(channel_id)
            .number(to_micros(at)),
            None => InList::new(
                "UPDATE notification_conditions SET cleared_at = NULL WHERE channel_id = $1 AND condition IN (",
                ")",
            )
            .text(channel_id),
        };
        write.execute_in_list(&list, conditions).await?;
        write.commit().await
    }

    async fn end_conditions(
        &self,
        channel_id: ChannelId,
        conditions: &[String],
        message: Option<&NewNotification>,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        if lock(&mut write, channel_id).await?.is_none() {
            return Ok(false);
        }
        let list = InList::new(
            "DELETE FROM notification_conditions WHERE channel_id = $1 AND cleared_at IS NOT NULL AND condition IN (",
            ") RETURNING condition",
        )
        .text(channel_id);
        let ended = write.rows_in_list(&list, conditions).await?.len();
        if ended == 0 {
            return Ok(false);
        }
        count(&mut write, channel_id, -stored(ended as u64)).await?;
        if let Some(message) = message {
            insert(&mut write, channel_id, message).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    async fn insert_notification(&self, channel_id: ChannelId, message: &NewNotification) -> Result<bool> {
        let mut write = self.write().await?;
        if lock(&mut write, channel_id).await?.is_none() {
            return Ok(false);
        }
        insert(&mut write, channel_id, message).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn channel_load(
        &self,
        channel_id: ChannelId,
        since: NotificationId,
        most: u32,
    ) -> Result<ChannelLoad> {
        let recent = "SELECT COUNT(*) FROM (SELECT 1 FROM notifications n \
                      WHERE n.channel_id = $1 AND n.id >= $2 LIMIT $3) counted";
        let waiting = "SELECT COUNT(*) FROM (SELECT 1 FROM notifications n \
                       WHERE n.channel_id = $1 AND n.next_at IS NOT NULL LIMIT $2) counted";
        let (id, most) = (channel_id.to_string(), i64::from(most));
        let recent = self.row(query(recent).bind(&id).bind(since.to_string()).bind(most)).await?;
        let waiting = self.row(query(waiting).bind(&id).bind(most)).await?;
        let number = |row: Option<Row>| row.map_or(Ok(0), |row| Columns::of(&row).narrow());
        Ok(ChannelLoad { recent: number(recent)?, waiting: number(waiting)? })
    }

    async fn outbox(&self, most: u32) -> Result<WaitingNotifications> {
        // Ids contain their time.
        let sql = "SELECT COUNT(*), MIN(counted.id) FROM (SELECT n.id FROM notifications n \
                   JOIN notification_channels c ON c.id = n.channel_id \
                   WHERE n.next_at IS NOT NULL AND c.enabled AND c.deleted_at IS NULL LIMIT $1) counted";
        let Some(row) = self.row(query(sql).bind(i64::from(most))).await? else {
            return Ok(WaitingNotifications::default());
        };
        let mut columns = Columns::of(&row);
        let waiting = columns.narrow()?;
        let oldest: Option<NotificationId> = columns.optional_parsed()?;
        Ok(WaitingNotifications { waiting, oldest: oldest.and_then(|id| id.created()) })
    }

    async fn claim_delivery(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedDelivery>> {
        self.claim_next_delivery(now, lease_until).await
    }

    async fn settle_delivery(
        &self,
        claim: &DeliveryClaim,
        attempt: &DeliveryAttempt,
        now: Timestamp,
    ) -> Result<bool> {
        self.settle(claim, attempt, now).await
    }

    async fn notifications(
        &self,
        channel_id: ChannelId,
        after: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<StoredNotification>> {
        let first = concat!(
            "SELECT ",
            notification_columns!(),
            " FROM notifications n WHERE n.channel_id = $1 ORDER BY n.id DESC LIMIT $2"
        );
        let later = concat!(
            "SELECT ",
            notification_columns!(),
            " FROM notifications n WHERE n.channel_id = $1 AND n.id < $3 ORDER BY n.id DESC LIMIT $2"
        );
        let statement = |limit: i64| {
            let sql = query(if after.is_some() { later } else { first });
            let sql = sql.bind(channel_id.to_string()).bind(limit);
            match after {
                Some(after) => sql.bind(after.to_string()),
                None => sql,
            }
        };
        self.readable_page(limit, statement, |row| notification(&mut Columns::of(row))).await
    }

    async fn notification(
        &self,
        channel_id: ChannelId,
        id: NotificationId,
    ) -> Result<Option<StoredNotification>> {
        let sql = concat!(
            "SELECT ",
            notification_columns!(),
            " FROM notifications n WHERE n.channel_id = $1 AND n.id = $2"
        );
        let row = self.row(query(sql).bind(channel_id.to_string()).bind(id.to_string())).await?;
        row.map(|row| notification(&mut Columns::of(&row))).transpose()
    }

    async fn purge_notifications(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM notifications WHERE id IN \
                   (SELECT n.id FROM notifications n WHERE n.created_at < $1 AND n.next_at IS NULL LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit().await?;
        Ok(removed)
    }
}
