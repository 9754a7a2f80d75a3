//! Checks whether keys open more than their buckets, and those that do.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::node_protocol::CheckedKey;
use jiff::Timestamp;

use crate::Result;

/// A bucket whose key is to be checked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueKeyCheck {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Its organization.
    pub org_id: OrgId,
}

/// A key that opens more than its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BroadKey {
    /// The bucket.
    pub bucket_id: BucketId,
    /// How many other buckets the key was last found to open.
    pub others: u64,
    /// When that was first found.
    pub since: Timestamp,
}

/// Stores the progress of checks of keys, and what they found.
#[async_trait]
pub trait KeyCheckStore {
    /// Takes the next live buckets whose keys are to be checked, at most `limit`: new buckets when they are a few seconds
    /// old, and then every bucket about once a day. Of two processes, one gets a bucket. A check that isn't made is left
    /// out until the next day.
    ///
    /// The result may be shorter than `limit`, or empty, although further buckets are due.
    async fn claim_key_checks(&self, now: Timestamp, limit: u32) -> Result<Vec<DueKeyCheck>>;

    /// Stores what checks found. What was found with an earlier location or secret of a bucket is ignored.
    async fn record_key_checks(&self, org_id: OrgId, checked: &[CheckedKey], now: Timestamp) -> Result<()>;

    /// The keys of an organization that open more than their buckets, the longest known first.
    async fn broad_keys(&self, org_id: OrgId, limit: u32) -> Result<Vec<BroadKey>>;
}
