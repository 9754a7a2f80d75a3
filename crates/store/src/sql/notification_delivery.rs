//! Deliveries: which process sends the next message of a channel, and how that ended.

use bucketry_model::id::ChannelId;
use bucketry_model::notification::DeliveryState;
use bucketry_model::secret::SealedSecret;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::for_update;
use super::notification_channel::{self, channel_columns};
use super::readable::note_left_out;
use super::statement::Write;
use crate::notification::{ClaimedDelivery, DeliveryAttempt, DeliveryClaim, StoredNotification};
use crate::{Result, StoreError};

/// How many channels a claim looks at. Others may be faster at some of them.
const LOOK_AT: i64 = 16;
/// The rank of messages that the others don't wait for.
const DEFERRED: i64 = 2;

/// The columns of a message, without its content.
macro_rules! notification_columns {
    () => {
        "n.id, n.channel_id, n.kind, n.title, n.created_at, n.state, n.attempts, n.status, n.error, n.tried_at, n.next_at"
    };
}
pub(super) use notification_columns;

/// Reads `notification_columns!()`.
pub(super) fn notification(columns: &mut Columns<'_>) -> Result<StoredNotification> {
    Ok(StoredNotification {
        id: columns.parsed()?,
        channel_id: columns.parsed()?,
        kind: columns.parsed()?,
        title: columns.text()?,
        created_at: columns.time()?,
        state: columns.parsed()?,
        attempts: columns.narrow()?,
        status: columns.optional_narrow()?,
        error: columns.optional_text()?,
        tried_at: columns.optional_time()?,
        next_at: columns.optional_time()?,
    })
}

/// When the next message of a channel is due. `None` if none waits.
async fn next_due(write: &mut Write, channel_id: &str) -> Result<Option<i64>> {
    let sql = "SELECT n.next_at FROM notifications n WHERE n.channel_id = $1 AND n.next_at IS NOT NULL \
               ORDER BY n.rank, n.id LIMIT 1";
    let row = write.row(query(sql).bind(channel_id)).await?;
    row.map(|row| Columns::of(&row).number()).transpose()
}

/// Ends a lease. The channel is due again when its next message is.
async fn release(write: &mut Write, channel_id: &str) -> Result<()> {
    let due = next_due(write, channel_id).await?;
    let sql = "UPDATE notification_channels SET leased_until = NULL, due_at = CASE WHEN enabled THEN $2 ELSE due_at END WHERE id = $1";
    write.execute(query(sql).bind(channel_id).bind(due)).await.map(drop)
}

impl SqlStore {
    /// Claims one of the channels that are due.
    pub(super) async fn claim_next_delivery(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedDelivery>> {
        let due = "SELECT c.id, c.due_at FROM notification_channels c WHERE c.due_at IS NOT NULL AND c.due_at <= $1 \
                   ORDER BY c.due_at LIMIT $2";
        for row in self.rows(query(due).bind(to_micros(now)).bind(LOOK_AT)).await? {
            let mut columns = Columns::of(&row);
            let (id, seen): (ChannelId, i64) = (columns.parsed()?, columns.number()?);
            match self.claim_channel(id, seen, now, lease_until).await {
                Ok(Some(claimed)) => return Ok(Some(claimed)),
                Ok(None) => {}
                // A newer server sends it.
                Err(StoreError::Damaged(what)) => note_left_out(&what),
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }

    async fn claim_channel(
        &self,
        id: ChannelId,
        seen: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedDelivery>> {
        let mut write = self.write().await?;
        let claim = "UPDATE notification_channels SET due_at = $3, leased_until = $3, claims = claims + 1 \
                     WHERE id = $1 AND due_at = $2 AND enabled";
        let text = id.to_string();
        if write.execute(query(claim).bind(&text).bind(seen).bind(to_micros(lease_until))).await? == 0 {
            return Ok(None);
        }
        let next = concat!(
            "SELECT ",
            notification_columns!(),
            ", n.message, ",
            channel_columns!(),
            ", c.secret, c.claims FROM notifications n JOIN notification_channels c ON c.id = n.channel_id \
             WHERE n.channel_id = $1 AND n.next_at IS NOT NULL ORDER BY n.rank, n.id LIMIT 1"
        );
        let Some(row) = write.row(query(next).bind(&text)).await? else {
            release(&mut write, &text).await?;
            write.commit().await?;
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let stored = notification(&mut columns)?;
        if stored.next_at.is_some_and(|at| at > now) {
            release(&mut write, &text).await?;
            write.commit().await?;
            return Ok(None);
        }
        let message = columns.read(serde_json::from_str)?;
        let channel = notification_channel::read(&mut columns)?;
        let secret = columns.optional_text()?.map(SealedSecret::from_text);
        let claim = DeliveryClaim { channel_id: id, number: columns.number()? };
        write.commit().await?;
        Ok(Some(ClaimedDelivery { claim, channel, secret, stored, message }))
    }

    /// Stores the end of an attempt.
    pub(super) async fn settle(
        &self,
        claim: &DeliveryClaim,
        attempt: &DeliveryAttempt,
        now: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let channel_id = claim.channel_id.to_string();
        let lock = concat!(
            "SELECT c.id FROM notification_channels c WHERE c.id = $1 AND c.claims = $2 AND c.leased_until IS NOT NULL",
            for_update!()
        );
        if !write.finds(query(lock).bind(&channel_id).bind(claim.number)).await? {
            return Ok(false);
        }
        let next_at = attempt.next_at.filter(|_| attempt.state == DeliveryState::Pending);
        let sql = "UPDATE notifications SET state = $2, next_at = $3, attempts = attempts + 1, status = $4, error = $5, \
                   tried_at = $6, rank = CASE WHEN $7 THEN $8 ELSE rank END WHERE id = $1 AND next_at IS NOT NULL";
        let update = query(sql)
            .bind(attempt.id.to_string())
            .bind(attempt.state.as_str())
            .bind(next_at.map(to_micros))
            .bind(attempt.status.map(i64::from))
            .bind(attempt.error.as_deref())
            .bind(to_micros(now))
            .bind(attempt.is_deferred)
            .bind(DEFERRED);
        write.execute(update).await?;
        release(&mut write, &channel_id).await?;
        write.commit().await?;
        Ok(true)
    }
}
