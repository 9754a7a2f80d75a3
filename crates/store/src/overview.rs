//! Counts and sums for overviews and charts. None of them depends on a page: they describe everything that is visible.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::role::Visibility;
use bucketry_model::time::Day;
use bucketry_model::usage::UsageCounts;

use crate::Result;

/// How many live buckets have each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketCounts {
    /// ONLINE buckets.
    pub online: u64,
    /// OFFLINE buckets.
    pub offline: u64,
    /// DISCONNECTED buckets.
    pub disconnected: u64,
}

impl BucketCounts {
    /// All buckets.
    pub fn total(&self) -> u64 {
        self.online + self.offline + self.disconnected
    }
}

/// How full buckets are together, as far as they were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredSum {
    /// How many of them have been measured.
    pub measured: u64,
    /// The sum of their sizes when each was last measured, in bytes.
    pub bytes: i64,
}

/// The traffic of everything that was asked for, in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourSum {
    /// The start of the hour, in Unix seconds.
    pub at: i64,
    /// The sums.
    pub counts: UsageCounts,
}

/// Counts and sums.
#[async_trait]
pub trait OverviewStore {
    /// How many of the visible live buckets have each status, given the connected nodes. Reads an index from end to end,
    /// so callers must remember the result for a while.
    async fn count_buckets(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        connected: &[NodeId],
    ) -> Result<BucketCounts>;

    /// The sum of the sizes of the visible live buckets that have been measured. Reads an index from end to end, so callers
    /// must remember the result for a while.
    async fn stored_sum(&self, org_id: OrgId, visible: &Visibility) -> Result<StoredSum>;

    /// The visible traffic by hour, from `first` to `last` (both in Unix seconds), earliest first. Hours without traffic
    /// are left out.
    async fn traffic_hours(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        first: i64,
        last: i64,
    ) -> Result<Vec<HourSum>>;

    /// The traffic of one bucket by hour, in the same way, from its minutes.
    async fn traffic_hours_of_bucket(&self, id: BucketId, first: i64, last: i64) -> Result<Vec<HourSum>>;

    /// The visible buckets with the most bytes since the start of a day, the busiest first, with their traffic since then.
    /// Deleted buckets are included. Reads everything that was counted since then, so callers must remember the result
    /// for a while.
    async fn busiest_buckets(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        since: Day,
        limit: u32,
    ) -> Result<Vec<(BucketId, UsageCounts)>>;
}
