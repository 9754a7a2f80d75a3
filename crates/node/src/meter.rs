//! Counts traffic in memory between two writes to the spool: adds up the rows of single requests, which the gateway's
//! `meter` measures.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::usage::UsageRow;
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::metrics::{Metrics, add};

/// How many combinations of minute, bucket and repository are counted separately. A flush empties them every few
/// seconds.
const MAX_ROWS: usize = 100_000;

type Key = (i64, BucketId, Option<RepoId>);
type Rows = HashMap<Key, UsageRow, RandomState>;

/// Counts traffic. Clones share the same counters. Adding is cheap enough to be done for each request.
#[derive(Clone)]
pub struct UsageMeter {
    rows: Arc<Mutex<Rows>>,
    metrics: Arc<Metrics>,
}

impl UsageMeter {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { rows: Arc::default(), metrics }
    }

    /// Adds a row to the counters. They are written to the spool at the next flush, and reported from there.
    pub fn add(&self, row: UsageRow) {
        let mut rows = self.rows.lock();
        let key = (row.minute, row.bucket_id, row.repo_id);
        if let Some(sum) = rows.get_mut(&key) {
            add_up(sum, &row);
        } else if rows.len() < MAX_ROWS {
            rows.insert(key, row);
        } else {
            drop(rows);
            add(&self.metrics.usage_rows_lost, 1);
        }
    }

    /// Takes all counts, in order to write them to the spool.
    pub(crate) fn take(&self) -> Vec<UsageRow> {
        std::mem::take(&mut *self.rows.lock()).into_values().collect()
    }
}

fn add_up(sum: &mut UsageRow, row: &UsageRow) {
    sum.requests = sum.requests.saturating_add(row.requests);
    sum.errors = sum.errors.saturating_add(row.errors);
    sum.reads = sum.reads.saturating_add(row.reads);
    sum.writes = sum.writes.saturating_add(row.writes);
    sum.lists = sum.lists.saturating_add(row.lists);
    sum.provider_errors = sum.provider_errors.saturating_add(row.provider_errors);
    sum.upload_bytes = sum.upload_bytes.saturating_add(row.upload_bytes);
    sum.download_bytes = sum.download_bytes.saturating_add(row.download_bytes);
    sum.size_change = sum.size_change.saturating_add(row.size_change);
    sum.latency_sum_ms = sum.latency_sum_ms.saturating_add(row.latency_sum_ms);
    sum.first_byte_sum_ms = sum.first_byte_sum_ms.saturating_add(row.first_byte_sum_ms);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn row(minute: i64, requests: u32) -> UsageRow {
        UsageRow {
            minute,
            bucket_id: BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            repo_id: None,
            requests,
            errors: 0,
            upload_bytes: 10,
            download_bytes: 0,
            size_change: -1,
            latency_sum_ms: 1,

            ..UsageRow::empty(minute, BucketId::new(Timestamp::UNIX_EPOCH, [1; 10]), None)
        }
    }

    #[test]
    fn counts_of_one_minute_and_bucket_are_added_up() {
        let meter = UsageMeter::new(Arc::default());
        meter.add(row(60, 1));
        meter.add(row(60, 2));
        meter.clone().add(row(120, 4));
        let mut rows = meter.take();
        rows.sort_by_key(|row| row.minute);
        let response: Vec<_> = rows.iter().map(|row| (row.minute, row.requests, row.upload_bytes)).collect();
        assert_eq!(response, [(60, 3, 20), (120, 4, 10)]);
        assert!(meter.take().is_empty());
    }

    #[test]
    fn what_cannot_be_kept_is_counted_as_lost() {
        let meter = UsageMeter::new(Arc::default());
        let rows = i64::try_from(MAX_ROWS).unwrap() + 2;
        (0..rows).for_each(|minute| meter.add(row(minute * 60, 1)));
        assert_eq!(meter.take().len(), MAX_ROWS);
        assert_eq!(meter.metrics.snapshot().usage_rows_lost, 2);
    }
}
