//! Traffic, summed by minute, by day and in total, and by hour for each workspace.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId, RepoId, WorkspaceId};
use bucketry_model::node_protocol::UsageBatch;
use bucketry_model::role::Visibility;
use bucketry_model::usage::{Resolution, UsageCounts, UsageTotals};
use jiff::Timestamp;

use crate::Result;
use crate::bucket::{BucketQuery, PageStart};

/// The outcome of adding a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchCounted {
    /// The batch was added.
    Counted,
    /// The batch had been added before. Nothing was added.
    Duplicate,
    /// An earlier batch is missing. Nothing was added.
    OutOfOrder {
        /// The number of the batch that is expected next.
        expected: u64,
    },
}

/// A bucket's totals in a list.
#[derive(Debug, Clone)]
pub struct ListedTotals {
    /// The position of this entry in the list.
    pub position: PageStart,
    /// The totals. All zero for a bucket without traffic.
    pub totals: UsageTotals,
}

/// A position in a list of traffic. Reading continues after it, towards older periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesPosition {
    /// The start of the minute or day, in Unix seconds.
    pub at: i64,
    /// The store's number for the combination of node, bucket and repository.
    pub series: i64,
}

/// Which part of the traffic to read.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    /// By minute or by day.
    pub resolution: Resolution,
    /// The organization whose traffic is read.
    pub org_id: OrgId,
    /// The workspaces whose buckets count. Includes removed buckets.
    pub visible: Visibility,
    /// Only these buckets. Empty for all.
    pub buckets: Vec<BucketId>,
    /// Only traffic through these repositories. Empty for all traffic, including traffic through no repository.
    pub repositories: Vec<RepoId>,
    /// Only traffic that nodes of these names counted. Empty for all.
    pub hosts: Vec<String>,
    /// The start of the first period, in Unix seconds.
    pub first: i64,
    /// The start of the last period, in Unix seconds.
    pub last: i64,
    /// The end of the previous page. `None` for the first page.
    pub after: Option<SeriesPosition>,
    /// The largest number of entries to return.
    pub limit: u32,
}

/// The traffic of one node, bucket and repository in one period.
#[expect(missing_docs, reason = "the other fields name what the traffic belongs to")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesPoint {
    /// The position of this entry in the list.
    pub position: SeriesPosition,
    pub bucket_id: BucketId,
    pub node_id: NodeId,
    /// The repository. `None` for requests through no repository.
    pub repo_id: Option<RepoId>,
    /// The name of the node, even if it was removed.
    pub host: String,
    /// The counts of this period.
    pub counts: UsageCounts,
}

/// A position in a list of traffic by hour. Reading continues after it, towards older hours.
#[expect(missing_docs, reason = "the other fields name what the traffic belongs to")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HourPosition {
    /// The start of the hour, in Unix seconds.
    pub at: i64,
    pub workspace_id: WorkspaceId,
    pub node_id: NodeId,
}

/// Which part of the traffic by hour to read.
#[derive(Debug, Clone)]
pub struct HourQuery {
    /// The organization whose traffic is read.
    pub org_id: OrgId,
    /// The workspaces whose traffic is read. Includes removed ones.
    pub visible: Visibility,
    /// The start of the first hour, in Unix seconds.
    pub first: i64,
    /// The start of the last hour, in Unix seconds.
    pub last: i64,
    /// The end of the previous page. `None` for the first page.
    pub after: Option<HourPosition>,
    /// The largest number of entries to return.
    pub limit: u32,
}

/// The traffic of one workspace through one node in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourPoint {
    /// The position of this entry in the list.
    pub position: HourPosition,
    /// The name of the node, even if it was removed.
    pub host: String,
    /// The counts of this hour.
    pub counts: UsageCounts,
}

/// The requests for a bucket in a minute that one node counted through one repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailingMinute {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The start of the minute, in Unix seconds.
    pub minute: i64,
    /// All requests.
    pub requests: u64,
    /// Those that failed because of the provider.
    pub failed: u64,
}

/// Stores traffic.
#[async_trait]
pub trait UsageStore {
    /// Adds a batch of a node's spool to the minutes, hours, days and totals, exactly once.
    ///
    /// Skips rows of buckets that don't belong to the organization that the node serves (`org_id`, `None` means
    /// all). Rows of removed buckets count.
    async fn add_usage(
        &self,
        node_id: NodeId,
        org_id: Option<OrgId>,
        batch: &UsageBatch,
        now: Timestamp,
    ) -> Result<BatchCounted>;

    /// A page of totals, for the same buckets and in the same order as `BucketStore::buckets`.
    async fn usage_totals(&self, query: &BucketQuery) -> Result<Vec<ListedTotals>>;

    /// The totals of the given buckets, zero where nothing was counted. Doesn't check visibility.
    async fn usage_totals_of(&self, ids: &[BucketId]) -> Result<Vec<(BucketId, UsageTotals)>>;

    /// The totals of the given repositories, for traffic to buckets of the organization only, zero where nothing
    /// was counted. Doesn't check visibility.
    async fn usage_totals_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, UsageTotals)>>;

    /// A page of traffic by minute or day, newest period first. Within a period, the order is stable.
    async fn usage_series(&self, query: &SeriesQuery) -> Result<Vec<SeriesPoint>>;

    /// A page of traffic by hour, newest first. Traffic belongs to the workspace that the bucket was in when it was
    /// counted.
    async fn usage_hours(&self, query: &HourQuery) -> Result<Vec<HourPoint>>;

    /// The minutes from `first` (in Unix seconds) on of buckets that had requests that failed because of the provider since
    /// then, also minutes without failures. Of at most `limit` buckets, those that failed last. In no particular order.
    ///
    /// Costs a lookup if nothing failed.
    async fn failing_minutes(&self, org_id: OrgId, first: i64, limit: u32) -> Result<Vec<FailingMinute>>;

    /// Removes minutes from before the given Unix second, at most `at_most` at a time. Returns how many.
    async fn purge_usage_minutes(&self, before: i64, at_most: u32) -> Result<u64>;

    /// Removes hours from before the given Unix second, at most `at_most` at a time. Returns how many.
    async fn purge_usage_hours(&self, before: i64, at_most: u32) -> Result<u64>;
}
