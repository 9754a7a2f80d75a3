//! Totals and days beside the rows of a table: of buckets that were just read for the caller, so that neither their
//! access nor their location is read again.

use std::collections::{HashMap, HashSet};

use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::time::Day;
use bucketry_model::usage::UsageTotals;

use super::BucketView;
use crate::{Control, Result};

impl Control {
    /// The total traffic of buckets. Those without traffic are left out.
    pub async fn totals_of_rows(
        &self,
        rows: impl IntoIterator<Item = &BucketView>,
    ) -> Result<HashMap<BucketId, UsageTotals>> {
        Ok(self.inner.store.usage_totals_of(&ids_of(rows)).await?.into_iter().collect())
    }

    /// The uptime of buckets in percent, by day: what the node that reached the bucket best saw. Days without
    /// probes are left out; both `first` and `last` are included.
    pub async fn days_of_rows(
        &self,
        rows: impl IntoIterator<Item = &BucketView>,
        first: Day,
        last: Day,
    ) -> Result<HashMap<BucketId, HashMap<Day, f64>>> {
        let records = self.inner.store.day_records_between(&ids_of(rows), first, last).await?;
        let nodes = self.known_nodes().await?;
        let known: HashSet<NodeId> = nodes.iter().map(|node| node.id).collect();
        let mut days: HashMap<BucketId, HashMap<Day, f64>> = HashMap::new();
        for one in records.iter().filter(|one| known.contains(&one.node_id)) {
            let percent = one.record.uptime_percent();
            let best = days.entry(one.bucket_id).or_default().entry(one.day).or_insert(percent);
            *best = best.max(percent);
        }
        Ok(days)
    }
}

fn ids_of<'a>(rows: impl IntoIterator<Item = &'a BucketView>) -> Vec<BucketId> {
    rows.into_iter().map(|row| row.bucket.id).collect()
}
