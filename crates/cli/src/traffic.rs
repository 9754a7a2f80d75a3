//! Traffic, summed over nodes and repositories.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bucketry_api_types::traffic::{EstimatedCost, StatsData};
use bucketry_client::ApiClient;
use bucketry_client::api::traffic::TrafficSelection;
use bucketry_model::id::BucketId;
use bucketry_model::usage::Resolution;

use crate::failure::{Failure, Result};

/// Entries per request.
const PAGE: u32 = 1_000;
/// The most rows of a table.
const MOST_ROWS: usize = 100_000;

/// What was served in a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TrafficSums {
    pub(crate) requests: i64,
    pub(crate) reads: i64,
    pub(crate) writes: i64,
    pub(crate) lists: i64,
    pub(crate) errors: i64,
    pub(crate) upload_bytes: i64,
    pub(crate) download_bytes: i64,
    pub(crate) size_change: i64,
    /// `None` where no price is set.
    pub(crate) cost: Option<EstimatedCost>,
}

impl TrafficSums {
    /// The counts of one entry.
    pub(crate) fn of(entry: &StatsData<'_>) -> Self {
        Self {
            requests: entry.requests,
            reads: entry.reads,
            writes: entry.writes,
            lists: entry.lists,
            errors: entry.errors,
            upload_bytes: entry.upl_bytes.0,
            download_bytes: entry.dwl_bytes.0,
            size_change: entry.size_change.0,
            cost: entry.estimated_cost.clone(),
        }
    }

    /// Adds what was served elsewhere or at another time.
    pub(crate) fn add(&mut self, more: Self) {
        for (sum, more) in [
            (&mut self.requests, more.requests),
            (&mut self.reads, more.reads),
            (&mut self.writes, more.writes),
            (&mut self.lists, more.lists),
            (&mut self.errors, more.errors),
            (&mut self.upload_bytes, more.upload_bytes),
            (&mut self.download_bytes, more.download_bytes),
            (&mut self.size_change, more.size_change),
        ] {
            *sum = sum.saturating_add(more);
        }
        match (&mut self.cost, more.cost) {
            (Some(sum), Some(more)) => {
                sum.requests = added(sum.requests, more.requests);
                sum.egress = added(sum.egress, more.egress);
                sum.total += more.total;
            }
            (sum @ None, more) => *sum = more,
            (Some(_), None) => {}
        }
    }
}

fn added(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// Sums by period and bucket, newest period first.
pub(crate) type TrafficByPeriod = BTreeMap<(Reverse<i64>, BucketId), TrafficSums>;

/// Reads traffic page by page. `period` is the start of the period that an entry's time belongs to.
pub(crate) async fn read_traffic(
    client: &ApiClient,
    resolution: Resolution,
    selection: &TrafficSelection,
    period: impl Fn(i64) -> i64,
) -> Result<TrafficByPeriod> {
    let (mut rows, mut cursor) = (TrafficByPeriod::new(), None);
    loop {
        let page = client.traffic_page(resolution, selection, PAGE, cursor.as_deref()).await?;
        for entry in &page.data {
            let key = (Reverse(period(entry.timestamp)), entry.bucket_id);
            rows.entry(key).or_default().add(TrafficSums::of(entry));
        }
        if rows.len() > MOST_ROWS {
            return Err(Failure::failed(
                "there are more than 100,000 rows: choose longer periods with --by, a shorter range with --from and --to, or \
                 buckets",
            ));
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_up_and_costs_only_where_there_are_prices() {
        let cost = |requests: Option<f64>, egress: Option<f64>| EstimatedCost {
            currency: "EUR".into(),
            requests,
            egress,
            total: requests.unwrap_or(0.0) + egress.unwrap_or(0.0),
        };
        let of = |requests, cost| TrafficSums { requests, cost, ..TrafficSums::default() };
        let mut sum = of(1, None);
        sum.add(of(2, None));
        assert_eq!(sum, of(3, None));
        sum.add(of(i64::MAX, Some(cost(Some(1.5), None))));
        sum.add(of(0, Some(cost(Some(0.5), Some(2.0)))));
        sum.add(of(0, None));
        assert_eq!(sum, of(i64::MAX, Some(cost(Some(2.0), Some(2.0)))));
    }
}
