//! What nodes report about buckets: the latest status per node, and a record per day.

use async_trait::async_trait;
use bucketry_model::hours::DayHours;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node::Node;
use bucketry_model::time::Day;
use bucketry_model::uptime::{DayRecord, ProbeSample};
use jiff::{SignedDuration, Timestamp};

use crate::Result;
use crate::bucket::NodeStatusRow;

/// The samples of one heartbeat.
#[derive(Debug, Clone)]
pub struct ProbeBatch {
    /// The node that made the samples.
    pub node_id: NodeId,
    /// The organization that the node serves. `None` means all.
    pub org_id: Option<OrgId>,
    /// The current time. A stored report further ahead of it than clocks may differ counts as absent.
    pub now: Timestamp,
    /// The longest time between two samples that counts as observed.
    pub longest_gap: SignedDuration,
    /// The samples, oldest first per bucket.
    pub samples: Vec<(BucketId, ProbeSample)>,
}

/// What one node recorded about a bucket on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDayRecord {
    /// The bucket. It may have been removed.
    pub bucket_id: BucketId,
    /// The day in UTC.
    pub day: Day,
    /// The node. It may have been removed.
    pub node_id: NodeId,
    /// The counts and latencies of the day.
    pub record: DayRecord,
}

/// The hours of a bucket on one day, as one node saw them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDayHours {
    /// The bucket. It may have been removed.
    pub bucket_id: BucketId,
    /// The day in UTC.
    pub day: Day,
    /// The node. It may have been removed.
    pub node_id: NodeId,
    /// The hours with data.
    pub hours: DayHours,
}

/// Stores the statuses of buckets.
#[async_trait]
pub trait StatusStore {
    /// Adds samples to the latest statuses and to the days (`bucketry_model::uptime` defines the rule).
    ///
    /// Skips samples of unknown buckets, samples that aren't later than the latest one of that bucket and node, and
    /// samples of an earlier location or secret. Returns how many samples were added.
    async fn record_probes(&self, batch: &ProbeBatch) -> Result<usize>;

    /// The latest report of each registered node on a bucket, by node name.
    async fn node_statuses(&self, id: BucketId) -> Result<Vec<(Node, NodeStatusRow)>>;

    /// The day records of a bucket, one per node that is still registered, by node name.
    async fn day_records(&self, id: BucketId, day: Day) -> Result<Vec<(Node, DayRecord)>>;

    /// The records of several buckets from one day to another, both included, in no particular order. Doesn't check
    /// visibility. The response has up to buckets × days × nodes entries, so callers must limit the first two.
    async fn day_records_between(
        &self,
        ids: &[BucketId],
        first: Day,
        last: Day,
    ) -> Result<Vec<NodeDayRecord>>;

    /// The hours of several buckets from one day to another, both included, in no particular order. Only the latest
    /// `DAYS_WITH_HOURS` days have hours. Doesn't check visibility. The response has up to buckets × days × nodes
    /// entries, so callers must limit the buckets.
    async fn hours_between(&self, ids: &[BucketId], first: Day, last: Day) -> Result<Vec<NodeDayHours>>;

    /// Removes day records from before the given day, at most `at_most` at a time. Returns how many.
    async fn purge_day_records(&self, before: Day, at_most: u32) -> Result<u64>;
}
