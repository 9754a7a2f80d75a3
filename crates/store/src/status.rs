//! What nodes say of buckets: the last word of each, and a record by day.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node::Node;
use bucketry_model::time::Day;
use bucketry_model::uptime::{DayRecord, ProbeSample};
use jiff::{SignedDuration, Timestamp};

use crate::Result;
use crate::bucket::NodeStatusRow;

/// Samples of one heartbeat.
#[derive(Debug, Clone)]
pub struct ProbeBatch {
    /// Who made them.
    pub node_id: NodeId,
    /// The organization that the node serves; none means all.
    pub org_id: Option<OrgId>,
    /// The present time. A last word from further ahead than clocks may differ is none.
    pub now: Timestamp,
    /// The longest time between two samples that counts as observed.
    pub longest_gap: SignedDuration,
    /// The samples, oldest first for each bucket.
    pub samples: Vec<(BucketId, ProbeSample)>,
}

/// What one node recorded of a bucket in one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDayRecord {
    /// The bucket, which may be deleted.
    pub bucket_id: BucketId,
    /// The UTC day.
    pub day: Day,
    /// The node, which may have left.
    pub node_id: NodeId,
    /// The record.
    pub record: DayRecord,
}

/// Keeps statuses.
#[async_trait]
pub trait StatusStore {
    /// Adds samples to the last words and the days (`bucketry_model::uptime` has the rule). Samples of unknown
    /// buckets, those that are no later than the last one known of that bucket and node, and those of an earlier
    /// location or secret of the bucket are passed over.
    /// Returns how many were taken.
    async fn record_probes(&self, batch: &ProbeBatch) -> Result<usize>;

    /// What each registered node last said of a bucket, with the node, by node name.
    async fn bucket_words(&self, id: BucketId) -> Result<Vec<(Node, NodeStatusRow)>>;

    /// A day's records of a bucket, one a node that is still registered, by node name.
    async fn day_records(&self, id: BucketId, day: Day) -> Result<Vec<(Node, DayRecord)>>;

    /// The records of several buckets from one day to another, both included, in no particular order. Asks nothing
    /// about visibility. The answer is as long as buckets times days times nodes: callers bound the first two.
    async fn day_records_between(
        &self,
        ids: &[BucketId],
        first: Day,
        last: Day,
    ) -> Result<Vec<NodeDayRecord>>;

    /// Removes day records from before the given day, a bounded number at a time. Returns how many.
    async fn purge_day_records(&self, before: Day, at_most: u32) -> Result<u64>;
}
