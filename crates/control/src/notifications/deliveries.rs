//! What becomes of messages: tests, the log of deliveries, and the outbox for the process that sends.

use std::time::Duration;

use bucketry_model::id::{ChannelId, NotificationId};
use bucketry_model::notification::{DeliveryState, Notification};
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::notification::{
    ClaimedDelivery, DeliveryAttempt, DeliveryClaim, NewNotification, StoredNotification,
};
use jiff::Timestamp;

use crate::access::validated;
use crate::{Control, Error, ResourceKind, Result};

/// How often a test looks for the result, which another process may store.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Control {
    /// Sends a test message, and waits for a while for what becomes of it.
    pub async fn test_channel(&self, caller: &Caller, id: ChannelId) -> Result<StoredNotification> {
        let channel = self.reach_channel(caller, id, WorkspaceRole::Admin).await?;
        validated(caller)?;
        let at = self.inner.environment.now();
        let message = Notification::test(channel.name.as_str(), at);
        let new = NewNotification { id: self.inner.environment.id(NotificationId::new)?, message };
        if !self.inner.store.insert_notification(id, &new).await? {
            return Err(Error::Rule {
                code: "CHANNEL_DISABLED",
                message: "the channel is disabled: enable it, then test it".to_owned(),
            });
        }
        self.inner.outbox.notify_waiters();
        let result = async {
            loop {
                match self.inner.store.notification(id, new.id).await? {
                    Some(stored) if stored.state == DeliveryState::Pending => {}
                    Some(stored) => return Ok(stored),
                    None => return Err(Error::NotFound(ResourceKind::NotificationChannel)),
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        if let Ok(result) = tokio::time::timeout(self.inner.settings.channel_test_wait, result).await {
            return result;
        }
        let stored = self.inner.store.notification(id, new.id).await?;
        stored.ok_or(Error::NotFound(ResourceKind::NotificationChannel))
    }

    /// Checks that the caller may read a channel's log, before a list begins.
    pub async fn authorize_deliveries(&self, caller: &Caller, id: ChannelId) -> Result<()> {
        self.reach_channel(caller, id, WorkspaceRole::Read).await.map(drop)
    }

    /// A page of a channel's messages and what became of them, newest first.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: ChannelId,
        after: Option<NotificationId>,
        limit: u32,
    ) -> Result<Vec<StoredNotification>> {
        self.reach_channel(caller, id, WorkspaceRole::Read).await?;
        Ok(self.inner.store.notifications(id, after, limit).await?)
    }

    /// Takes over a message that is due, for the process that sends.
    pub async fn claim_delivery(&self, lease_until: Timestamp) -> Result<Option<ClaimedDelivery>> {
        Ok(self.inner.store.claim_delivery(self.inner.environment.now(), lease_until).await?)
    }

    /// Stores how an attempt to send ended. False if another process has taken over the message meanwhile.
    pub async fn settle_delivery(&self, claim: &DeliveryClaim, attempt: &DeliveryAttempt) -> Result<bool> {
        Ok(self.inner.store.settle_delivery(claim, attempt, self.inner.environment.now()).await?)
    }

    /// Resolves when this process stores a message after the call.
    pub fn outbox_news(&self) -> tokio::sync::futures::Notified<'_> {
        self.inner.outbox.notified()
    }

    /// Random numbers for the time between two attempts.
    pub fn jitter(&self) -> Result<u32> {
        Ok(u32::from_ne_bytes(self.inner.environment.random()?))
    }
}
