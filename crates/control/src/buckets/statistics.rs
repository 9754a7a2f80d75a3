//! A bucket's statistics: uptime and latency by day, traffic in all.

use bucketry_model::id::BucketId;
use bucketry_model::node::Node;
use bucketry_model::role::Caller;
use bucketry_model::status::{Status, as_seen_now, is_connected};
use bucketry_model::time::Day;
use bucketry_model::uptime::DayRecord;
use bucketry_model::usage::UsageTotals;
use bucketry_store::bucket::PageStart;
use bucketry_store::usage::ListedTotals;

use super::selection::{BucketSelection, SelectedPage};
use crate::{Control, Error, ResourceKind, Result};

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
    /// Which bucket, and where the list stands with it.
    pub position: PageStart,
    /// The totals; zeros without traffic.
    pub totals: UsageTotals,
}

impl Control {
    /// The nodes' records of a bucket's UTC day. Days without data have none. Those of a deleted bucket are retained.
    pub async fn bucket_day(&self, caller: &Caller, id: BucketId, day: Day) -> Result<Vec<NodeDayView>> {
        if self.named_buckets(caller, &[id], None).await?.is_empty() {
            return Err(Error::NotFound(ResourceKind::Bucket));
        }
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

    /// A page of the totals of the selected buckets: newest bucket first, or in the order they were named.
    pub async fn bucket_totals(
        &self,
        selection: &BucketSelection,
        after: Option<PageStart>,
        limit: u32,
    ) -> Result<Vec<BucketTotals>> {
        match selection.page(after, limit) {
            SelectedPage::Listed(query) => {
                let page = self.inner.store.usage_totals(&query).await?;
                let totals =
                    |listed: ListedTotals| BucketTotals { position: listed.position, totals: listed.totals };
                Ok(page.into_iter().map(totals).collect())
            }
            SelectedPage::Named(ids) => {
                let counted = self.inner.store.usage_totals_of(ids).await?;
                let totals = |(id, totals)| BucketTotals { position: BucketSelection::position(id), totals };
                Ok(counted.into_iter().map(totals).collect())
            }
        }
    }
}
