//! Notification channels.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{ChannelId, OrgId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::notification::{ChannelRules, ChannelTarget};
use jiff::Timestamp;

use crate::Result;
use crate::bucket::{SecretUpdate, StoredSecret};

/// A channel, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct NotificationChannel {
    pub id: ChannelId,
    pub org_id: OrgId,
    /// The workspace whose findings it gets. `None` for those of the whole organization.
    pub workspace_id: Option<WorkspaceId>,
    pub name: Name,
    pub enabled: bool,
    pub target: ChannelTarget,
    /// Whether it has a sealed address or secret.
    pub has_secret: bool,
    pub rules: ChannelRules,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A channel to store.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of the channel")]
pub struct NewChannel {
    pub id: ChannelId,
    pub org_id: OrgId,
    pub workspace_id: Option<WorkspaceId>,
    pub name: Name,
    pub enabled: bool,
    pub target: ChannelTarget,
    pub secret: Option<StoredSecret>,
    pub rules: ChannelRules,
}

/// The new state of a channel.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of the channel")]
pub struct ChannelUpdate {
    pub name: Name,
    pub enabled: bool,
    pub target: ChannelTarget,
    pub secret: SecretUpdate,
    pub rules: ChannelRules,
}

/// Whether a channel was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelInserted {
    /// It was.
    Inserted,
    /// The organization has no such workspace.
    WorkspaceNotFound,
    /// The organization has as many as it may have.
    TooMany,
}

/// An enabled channel, and how many conditions are alerting for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedChannel {
    /// The channel.
    pub channel: NotificationChannel,
    /// The number of its conditions.
    pub conditions: u64,
}

/// Stores channels.
#[async_trait]
pub trait ChannelStore {
    /// Stores a channel unless the organization has `most` already.
    async fn insert_channel(
        &self,
        new: &NewChannel,
        most: u32,
        audit: &AuditEntry,
    ) -> Result<ChannelInserted>;

    /// A live channel.
    async fn channel(&self, org_id: OrgId, id: ChannelId) -> Result<Option<NotificationChannel>>;

    /// The live channels of an organization, newest first. There are few.
    async fn channels(&self, org_id: OrgId) -> Result<Vec<NotificationChannel>>;

    /// Changes a channel. One that is disabled sends nothing until it is enabled again. Returns whether it exists.
    async fn update_channel(
        &self,
        org_id: OrgId,
        id: ChannelId,
        update: &ChannelUpdate,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// Deletes a channel and erases its secret. Messages that wait are not sent. Returns whether it existed.
    async fn delete_channel(&self, org_id: OrgId, id: ChannelId, audit: &AuditEntry) -> Result<bool>;

    /// A page of the live, enabled channels of all organizations, by id.
    async fn watched_channels(&self, after: Option<ChannelId>, limit: u32) -> Result<Vec<WatchedChannel>>;

    /// Removes messages and conditions of deleted channels, at most `at_most` of each, and then the channels. Returns
    /// how many rows were removed.
    async fn purge_channels(&self, at_most: u32) -> Result<u64>;
}
