//! Traffic, added up: by minute, by day, and in all.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::usage::{Resolution, UsageCounts, UsageTotals};
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

/// A place in what is told of traffic: what is read goes on after it, towards older periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesPosition {
    /// Unix seconds at the start of the minute or day.
    pub at: i64,
    /// The number by which the store knows the node, the bucket and the repository together.
    pub series: i64,
}

/// Which part of the traffic to read.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    /// By minute or by day.
    pub resolution: Resolution,
    /// Of this organization.
    pub org_id: OrgId,
    /// Of buckets in these workspaces, removed buckets too.
    pub visible: Visibility,
    /// Of these buckets; none named means all.
    pub buckets: Vec<BucketId>,
    /// Through these repositories; none named means all, and what came through none.
    pub repositories: Vec<RepoId>,
    /// By nodes of these names; none named means all.
    pub hosts: Vec<String>,
    /// Unix seconds at the start of the first period.
    pub first: i64,
    /// Unix seconds at the start of the last period.
    pub last: i64,
    /// After this place.
    pub after: Option<SeriesPosition>,
    /// At most so many.
    pub limit: u32,
}

/// One entry of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesPoint {
    /// Where the series stands with it.
    pub position: SeriesPosition,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The node.
    pub node_id: NodeId,
    /// The repository; none for requests that came through none.
    pub repo_id: Option<RepoId>,
    /// The node's name, also where the node is gone.
    pub host: String,
    /// What was counted.
    pub counts: UsageCounts,
}

/// Keeps usage.
#[async_trait]
pub trait UsageStore {
    /// Adds a batch of a node's spool: to the minutes, the days and the totals of each bucket and of each repository
    /// within the bucket's organization, exactly once. Rows of
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

    /// The totals of the given repositories as far as they were counted for buckets of the organization, zeros where
    /// nothing was. Asks nothing about visibility.
    async fn usage_totals_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, UsageTotals)>>;

    /// A page of traffic by minute or day, newest period first; within one, in an order that stays.
    async fn usage_series(&self, query: &SeriesQuery) -> Result<Vec<SeriesPoint>>;

    /// Removes minutes from before the given Unix second, a bounded number at a time. Returns how many.
    async fn purge_usage_minutes(&self, before: i64, at_most: u32) -> Result<u64>;
}
