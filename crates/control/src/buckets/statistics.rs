//! Statistics of a bucket: uptime and latency by day, and total traffic.

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

/// One node's record of one day of a bucket.
#[derive(Debug, Clone)]
pub struct NodeDayView {
    /// The node that recorded the day.
    pub node: Node,
    /// Status after the day's last probe; DISCONNECTED if the node has fallen silent since.
    pub node_status: Status,
    /// Uptime and latency of the day.
    pub record: DayRecord,
}

/// The total traffic of a bucket.
#[derive(Debug, Clone)]
pub struct BucketTotals {
    /// The bucket, and the list's position at it.
    pub position: PageStart,
    /// Zeros if there was no traffic.
    pub totals: UsageTotals,
}

impl Control {
    /// Returns the nodes' records of one UTC day of a bucket; none for a day without data. The records of deleted
    /// buckets are retained.
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

    /// Returns a page of totals of the selected buckets: newest bucket first, or in the order named.
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
