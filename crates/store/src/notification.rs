//! The conditions that channels were notified about, and the messages.
//!
//! A condition and the message about it are stored in one transaction, so none of both exists without the other,
//! whenever a process ends. Several processes may send: a channel belongs to one of them until its lease ends.

use async_trait::async_trait;
use bucketry_model::finding::FindingCode;
use bucketry_model::id::{ChannelId, NotificationId};
use bucketry_model::notification::{DeliveryState, Notification, NotificationItem, NotificationKind};
use bucketry_model::secret::SealedSecret;
use jiff::Timestamp;

use crate::Result;
use crate::notification_channel::NotificationChannel;

/// How many conditions of a channel are stored. Further ones begin when others have ended.
pub const MOST_CONDITIONS: u32 = 10_000;

/// A condition that a channel was notified about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCondition {
    /// The text of its key.
    pub condition: String,
    /// What is wrong.
    pub code: FindingCode,
    /// How messages describe it. `None` for those that the message only counted.
    pub item: Option<NotificationItem>,
    /// When it was stored.
    pub alerted_at: Timestamp,
    /// Since when it isn't found any more.
    pub cleared_at: Option<Timestamp>,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotification {
    /// The id, the same at every attempt.
    pub id: NotificationId,
    /// The message.
    pub message: Notification,
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct StoredNotification {
    pub id: NotificationId,
    pub channel_id: ChannelId,
    pub kind: NotificationKind,
    pub title: String,
    pub created_at: Timestamp,
    pub state: DeliveryState,
    /// How many attempts have ended.
    pub attempts: u32,
    /// The status of the receiver's last response: of HTTP or SMTP.
    pub status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When the last attempt ended.
    pub tried_at: Option<Timestamp>,
    /// When the next attempt is due. `None` when there is none.
    pub next_at: Option<Timestamp>,
}

/// The right to send a channel's next message until its lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryClaim {
    /// The channel.
    pub channel_id: ChannelId,
    /// Which claim of the channel it is.
    pub number: i64,
}

/// A channel's next message, and all that is needed to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct ClaimedDelivery {
    pub claim: DeliveryClaim,
    pub channel: NotificationChannel,
    pub secret: Option<SealedSecret>,
    pub stored: StoredNotification,
    pub message: Notification,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct DeliveryAttempt {
    pub id: NotificationId,
    pub state: DeliveryState,
    pub status: Option<u16>,
    pub error: Option<String>,
    /// When the next attempt is due, if the message still waits.
    pub next_at: Option<Timestamp>,
    /// Whether the channel's other messages no longer wait for this one.
    pub is_deferred: bool,
}

/// How much a channel has to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelLoad {
    /// Messages since a moment, at most as many as were asked for.
    pub recent: u32,
    /// Messages that wait, at most as many as were asked for.
    pub waiting: u32,
}

/// The messages of all channels that wait to be sent. Those of disabled channels don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingNotifications {
    /// How many there are, at most as many as were asked for.
    pub waiting: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
}

/// Stores conditions and messages.
#[async_trait]
pub trait NotificationStore {
    /// The conditions of a channel, at most [`MOST_CONDITIONS`].
    async fn conditions(&self, channel_id: ChannelId) -> Result<Vec<StoredCondition>>;

    /// Stores conditions and the message about them. If all of them are stored already, or if the channel was
    /// deleted, disabled or has too many conditions, nothing is stored. Returns whether anything was.
    async fn begin_conditions(
        &self,
        channel_id: ChannelId,
        conditions: &[StoredCondition],
        message: Option<&NewNotification>,
    ) -> Result<bool>;

    /// Stores since when conditions aren't found any more, or that they are found again.
    async fn mark_conditions(
        &self,
        channel_id: ChannelId,
        conditions: &[String],
        cleared_at: Option<Timestamp>,
    ) -> Result<()>;

    /// Removes conditions that aren't found any more, and stores the message about them. If there are none left, or
    /// if the channel was deleted or disabled, nothing is stored. Returns whether anything was.
    async fn end_conditions(
        &self,
        channel_id: ChannelId,
        conditions: &[String],
        message: Option<&NewNotification>,
    ) -> Result<bool>;

    /// Stores a message without conditions. A test is sent before all others of the channel. Returns false if the
    /// channel was deleted or disabled.
    async fn insert_notification(&self, channel_id: ChannelId, message: &NewNotification) -> Result<bool>;

    /// How many messages a channel has with ids from `since` on, and how many wait. Counts to `most`.
    async fn channel_load(
        &self,
        channel_id: ChannelId,
        since: NotificationId,
        most: u32,
    ) -> Result<ChannelLoad>;

    /// The messages of all organizations that wait to be sent. Counts to `most`.
    async fn outbox(&self, most: u32) -> Result<WaitingNotifications>;

    /// Takes over a channel that has a message due, until the lease ends.
    async fn claim_delivery(&self, now: Timestamp, lease_until: Timestamp)
    -> Result<Option<ClaimedDelivery>>;

    /// Stores how an attempt ended, and ends the lease. Returns false if another process has taken over the channel
    /// meanwhile: then nothing is stored.
    async fn settle_delivery(
        &self,
        claim: &DeliveryClaim,
        attempt: &DeliveryAttempt,
        now: Timestamp,
    ) -> Result<bool>;

    /// The messages of a channel, newest first.
    async fn notifications(
        &self,
        channel_id: ChannelId,
        after: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<StoredNotification>>;

    /// A message of a channel.
    async fn notification(
        &self,
        channel_id: ChannelId,
        id: NotificationId,
    ) -> Result<Option<StoredNotification>>;

    /// Removes messages that were written before the given time and no longer wait, at most `at_most` at a time.
    /// Returns how many.
    async fn purge_notifications(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
