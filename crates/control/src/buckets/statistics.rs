//! A bucket's statistics: uptime and latency by day, traffic in all.

use std::collections::{HashMap, HashSet};

use bucketry_model::id::BucketId;
use bucketry_model::node::Node;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::status::{Status, as_seen_now, is_connected};
use bucketry_model::time::Day;
use bucketry_model::uptime::DayRecord;
use bucketry_model::usage::UsageTotals;
use bucketry_store::bucket::{BucketQuery, PageStart};

use crate::{Control, Result};

/// One node's record of a bucket's day.
#[derive(Debug, Clone)]
pub struct NodeDayView {
    /// The node.
    pub node: Node,
    /// Whether the node is there now.
    pub node_status: Status,
    /// The record.
    pub record: DayRecord,
}

/// A bucket's totals.
#[derive(Debug, Clone)]
pub struct BucketTotals {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The totals; zeros without traffic.
    pub totals: UsageTotals,
    /// Where the list stands with this entry.
    pub position: Option<PageStart>,
}

impl Control {
    /// The nodes' records of a bucket's UTC day. Days without data have none.
    pub async fn bucket_day(&self, caller: &Caller, id: BucketId, day: Day) -> Result<Vec<NodeDayView>> {
        self.reach_bucket(caller, id, WorkspaceRole::Read).await?;
        let now = self.inner.environment.now();
        let records = self.inner.store.day_records(id, day).await?;
        let view = |(node, record): (Node, DayRecord)| {
            let connected = is_connected(node.last_seen, now);
            let last = record.last.as_ref();
            let node_status =
                last.map_or(Status::Disconnected, |sample| as_seen_now(sample.status, connected));
            NodeDayView { node, node_status, record }
        };
        Ok(records.into_iter().map(view).collect())
    }

    /// A page of the totals of all buckets that the caller may see, newest bucket first.
    pub async fn bucket_totals(
        &self,
        caller: &Caller,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketTotals>> {
        let query = BucketQuery { org_id: caller.org_id, visible: caller.visibility(), after, limit };
        let page = self.inner.store.usage_totals(&query).await?;
        let totals = page.into_iter().map(|listed| BucketTotals {
            bucket_id: listed.position.id,
            totals: listed.totals,
            position: Some(listed.position),
        });
        Ok(totals.collect())
    }

    /// The totals of named buckets, in the order they were named, each once. All of them must be there and be
    /// readable.
    pub async fn bucket_totals_of(&self, caller: &Caller, ids: &[BucketId]) -> Result<Vec<BucketTotals>> {
        self.reach_buckets(caller, ids, WorkspaceRole::Read).await?;
        let mut seen = HashSet::new();
        let ids: Vec<BucketId> = ids.iter().copied().filter(|id| seen.insert(*id)).collect();
        let totals: HashMap<_, _> = self.inner.store.usage_totals_of(&ids).await?.into_iter().collect();
        let of = |id: BucketId| totals.get(&id).copied();
        Ok(ids
            .iter()
            .map(|id| BucketTotals { bucket_id: *id, totals: of(*id).unwrap_or_default(), position: None })
            .collect())
    }
}
