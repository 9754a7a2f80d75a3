//! Traffic as nodes count it and the registry adds it up.

use serde::{Deserialize, Serialize};

use crate::id::{BucketId, RepoId};

/// What one node counted for one bucket, through one repository, in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageRow {
    /// Unix seconds at the start of the minute.
    pub minute: i64,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The repository that the requests came through; none for requests of the node's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo_id: Option<RepoId>,
    /// Requests served.
    pub requests: u32,
    /// How many of them failed, whoever is to blame: refusals, provider failures and broken-off bodies.
    #[serde(default)]
    pub errors: u32,
    /// How many of the requests read an object or its attributes.
    #[serde(default)]
    pub reads: u32,
    /// How many stored, copied or deleted one; parts of multipart uploads too.
    #[serde(default)]
    pub writes: u32,
    /// How many listed. What is in none of the three asked for the bucket itself.
    #[serde(default)]
    pub lists: u32,
    /// How many of the errors were the provider's: it failed, throttled, or could not be reached.
    #[serde(default)]
    pub provider_errors: u32,
    /// Bytes that clients sent.
    pub upload_bytes: u64,
    /// Bytes that clients received.
    pub download_bytes: u64,
    /// Change of the stored size, in bytes; negative where more was deleted than written.
    pub size_change: i64,
    /// Sum of the requests' latencies, in milliseconds.
    #[serde(default)]
    pub latency_sum_ms: u64,
    /// Sum of the times to the first byte of the answers, in milliseconds.
    #[serde(default)]
    pub first_byte_sum_ms: u64,
}

impl UsageRow {
    /// A row without any traffic.
    pub fn empty(minute: i64, bucket_id: BucketId, repo_id: Option<RepoId>) -> Self {
        Self {
            minute,
            bucket_id,
            repo_id,
            requests: 0,
            errors: 0,
            reads: 0,
            writes: 0,
            lists: 0,
            provider_errors: 0,
            upload_bytes: 0,
            download_bytes: 0,
            size_change: 0,
            latency_sum_ms: 0,
            first_byte_sum_ms: 0,
        }
    }

    /// Whether the figures are such as the registry can add up: whole minutes since 1970 and byte counts that leave
    /// room to be summed in 64 bits.
    pub fn is_sane(&self) -> bool {
        const LARGEST: u64 = 1 << 50; // a pebibyte a minute
        self.minute >= 0
            && self.minute % 60 == 0
            && self.errors <= self.requests
            && self.provider_errors <= self.errors
            && u64::from(self.reads) + u64::from(self.writes) + u64::from(self.lists)
                <= u64::from(self.requests)
            && self.first_byte_sum_ms <= LARGEST
            && self.upload_bytes <= LARGEST
            && self.download_bytes <= LARGEST
            && self.size_change.unsigned_abs() <= LARGEST
            && self.latency_sum_ms <= LARGEST
    }
}

/// How finely a series of traffic is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// By minute; kept for a while.
    Minute,
    /// By UTC day; kept for good.
    Day,
}

impl Resolution {
    /// The length of one period in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Day => 86_400,
        }
    }

    /// The start of the period that holds a moment, in Unix seconds.
    pub fn start_of(self, moment: jiff::Timestamp) -> i64 {
        moment.as_second().div_euclid(self.seconds()) * self.seconds()
    }
}

/// What was counted for one bucket, through one repository, by one node, in one minute or day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageCounts {
    /// Requests served.
    pub requests: i64,
    /// How many of them failed.
    pub errors: i64,
    /// How many read an object or its attributes.
    pub reads: i64,
    /// How many stored, copied or deleted one.
    pub writes: i64,
    /// How many listed.
    pub lists: i64,
    /// How many of the errors were the provider's.
    pub provider_errors: i64,
    /// Bytes that clients sent.
    pub upload_bytes: i64,
    /// Bytes that clients received.
    pub download_bytes: i64,
    /// Net change of the stored size, in bytes.
    pub size_change: i64,
    /// Sum of the requests' latencies, in milliseconds.
    pub latency_sum_ms: i64,
    /// Sum of the times to the first byte of the answers, in milliseconds.
    pub first_byte_sum_ms: i64,
}

impl UsageCounts {
    /// Adds what a node counted; what no number could hold stays at the largest one.
    pub fn add(&mut self, row: &UsageRow) {
        let bytes = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (sum, more) in [
            (&mut self.requests, i64::from(row.requests)),
            (&mut self.errors, i64::from(row.errors)),
            (&mut self.reads, i64::from(row.reads)),
            (&mut self.writes, i64::from(row.writes)),
            (&mut self.lists, i64::from(row.lists)),
            (&mut self.provider_errors, i64::from(row.provider_errors)),
            (&mut self.upload_bytes, bytes(row.upload_bytes)),
            (&mut self.download_bytes, bytes(row.download_bytes)),
            (&mut self.size_change, row.size_change),
            (&mut self.latency_sum_ms, bytes(row.latency_sum_ms)),
            (&mut self.first_byte_sum_ms, bytes(row.first_byte_sum_ms)),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// The mean latency of a request in milliseconds; 0 without requests.
    pub fn latency_ms(&self) -> f64 {
        mean(self.latency_sum_ms, self.requests)
    }

    /// The mean time to the first byte of an answer in milliseconds; 0 without requests.
    pub fn first_byte_ms(&self) -> f64 {
        mean(self.first_byte_sum_ms, self.requests)
    }
}

/// Rounded to microseconds: more would be noise.
#[expect(clippy::cast_precision_loss, reason = "sums of milliseconds are far below 2^53")]
fn mean(sum: i64, count: i64) -> f64 {
    if count <= 0 { 0.0 } else { (sum as f64 / count as f64 * 1_000.0).round() / 1_000.0 }
}

/// All that was ever counted for a bucket or a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Requests served through nodes.
    pub requests: i64,
    /// Bytes that clients sent.
    pub upload_bytes: i64,
    /// Bytes that clients received.
    pub download_bytes: i64,
    /// Net change of the stored size.
    pub size_change: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_micros;

    #[test]
    fn a_period_begins_at_the_last_full_minute_or_utc_day() {
        let moment: jiff::Timestamp = "2026-03-01T23:59:59.999Z".parse().unwrap();
        assert_eq!(
            from_micros(Resolution::Minute.start_of(moment) * 1_000_000).to_string(),
            "2026-03-01T23:59:00Z"
        );
        assert_eq!(
            from_micros(Resolution::Day.start_of(moment) * 1_000_000).to_string(),
            "2026-03-01T00:00:00Z"
        );
    }

    #[test]
    fn means_are_of_requests_and_zero_without_any() {
        let id = BucketId::new(from_micros(0), [0; 10]);
        let mut counts = UsageCounts::default();
        assert!(counts.latency_ms().abs() < f64::EPSILON);
        let row = UsageRow {
            requests: 3,
            latency_sum_ms: 10,
            first_byte_sum_ms: 3,
            ..UsageRow::empty(0, id, None)
        };
        counts.add(&row);
        assert!((counts.latency_ms() - 3.333).abs() < 1e-9 && (counts.first_byte_ms() - 1.0).abs() < 1e-9);
    }
}
