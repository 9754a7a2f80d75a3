//! Traffic, added up: by minute, by day, and in all.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::usage::UsageTotals;
use jiff::Timestamp;

use crate::Result;
use crate::bucket::{BucketQuery, PageStart};

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchCounted {
    /// It was added.
    Counted,
    /// It had been added before; nothing was added now.
    Duplicate,
    /// A batch before it is missing; nothing was added.
    OutOfOrder {
        /// The number that would be counted next.
        expected: u64,
    },
}

/// A bucket's totals in a list.
#[derive(Debug, Clone)]
pub struct ListedTotals {
    /// Where the list stands with this entry.
    pub position: PageStart,
    /// The totals; zeros for a bucket without traffic.
    pub totals: UsageTotals,
}

/// Keeps usage.
#[async_trait]
pub trait UsageStore {
    /// Adds a batch of a node's spool: to the minutes, the days and the totals of each bucket, exactly once. Rows of
    /// buckets that are not of the organization that the node serves (`org_id`; none means all) are passed over;
    /// deleted buckets still count.
    async fn add_usage(
        &self,
        node_id: NodeId,
        org_id: Option<OrgId>,
        batch: &UsageBatch,
        now: Timestamp,
    ) -> Result<BatchCounted>;

    /// A page of totals, for the same buckets and in the same order as `BucketStore::buckets`.
    async fn usage_totals(&self, query: &BucketQuery) -> Result<Vec<ListedTotals>>;

    /// The totals of the given buckets, zeros where nothing was counted. Asks nothing about visibility.
    async fn usage_totals_of(&self, ids: &[BucketId]) -> Result<Vec<(BucketId, UsageTotals)>>;

    /// Removes minutes from before the given Unix second, a bounded number at a time. Returns how many.
    async fn purge_usage_minutes(&self, before: i64, at_most: u32) -> Result<u64>;
}
