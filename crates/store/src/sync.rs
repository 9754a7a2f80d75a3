//! What nodes need: the buckets to serve, and the events that say which buckets and repositories changed.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId, RepoId};
use bucketry_model::node_protocol::NodeBucket;
use jiff::Timestamp;

use crate::Result;

/// The subject of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A bucket.
    Bucket(BucketId),
    /// A repository, its list of buckets, or its keys.
    Repository(RepoId),
}

/// An event: something about its subject changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The number of the event. Numbers ascend in commit order.
    pub sequence: i64,
    /// The organization that its subject belongs to.
    pub org_id: OrgId,
    /// What changed.
    pub subject: Subject,
}

/// The changes after a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// The events, oldest first, up to the requested limit.
    Since(Vec<Change>),
    /// Events in between were removed, or the number comes from another database. Start over with a snapshot.
    TooOld,
}

/// What was read for a node by id. What isn't in either list doesn't exist, or the node doesn't serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadForNode<T, Id> {
    /// What can be read.
    pub found: Vec<T>,
    /// What exists, but only a newer version can read.
    pub unreadable: Vec<Id>,
}

/// Serves nodes. `org_id` is the organization that a node serves, `None` means all.
#[async_trait]
pub trait SyncStore {
    /// The number of the newest event. 0 if there was none yet.
    async fn latest_change(&self) -> Result<i64>;

    /// The events after a number that concern what the node serves.
    async fn changes_after(&self, org_id: Option<OrgId>, sequence: i64, limit: u32) -> Result<Changes>;

    /// A page of live buckets by id, after the given one.
    async fn node_buckets_after(
        &self,
        org_id: Option<OrgId>,
        after: Option<BucketId>,
        limit: u32,
    ) -> Result<Vec<NodeBucket>>;

    /// The given buckets that are live and that the node serves.
    async fn node_buckets(
        &self,
        org_id: Option<OrgId>,
        ids: &[BucketId],
    ) -> Result<ReadForNode<NodeBucket, BucketId>>;

    /// Removes events from before the given time, at most `at_most` at a time. Returns how many.
    async fn purge_changes(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
