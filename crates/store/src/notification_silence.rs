//! Times in which channels aren't notified.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, SilenceId};
use bucketry_model::notification::NotificationSilence;
use jiff::Timestamp;

use crate::Result;

/// Stores silences.
#[async_trait]
pub trait NotificationSilenceStore {
    /// Stores a silence, unless the organization has `most` that haven't ended. Returns whether it was stored.
    async fn insert_notification_silence(
        &self,
        silence: &NotificationSilence,
        most: u32,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// The silences of an organization that haven't ended, newest first. There are few.
    async fn notification_silences(&self, org_id: OrgId, now: Timestamp) -> Result<Vec<NotificationSilence>>;

    /// Deletes a silence. Returns whether it existed.
    async fn delete_notification_silence(
        &self,
        org_id: OrgId,
        id: SilenceId,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// Removes silences that ended before the given time, at most `at_most` at a time. Returns how many.
    async fn purge_notification_silences(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
