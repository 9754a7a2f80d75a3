//! Traffic as nodes count it and the registry adds it up.

use serde::{Deserialize, Serialize};

use crate::id::{BucketId, RepoId};

/// One node's counts for one bucket, through one repository, in one minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageRow {
    /// Start of the minute, in Unix seconds.
    pub minute: i64,
    /// Bucket that the requests went to.
    pub bucket_id: BucketId,
    /// Repository that the requests came through; `None` for the node's own requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo_id: Option<RepoId>,
    /// Served requests.
    pub requests: u32,
    /// Failed requests, for any reason: refusals, provider failures and interrupted bodies.
    #[serde(default)]
    pub errors: u32,
    /// Requests that read an object or its attributes.
    #[serde(default)]
    pub reads: u32,
    /// Requests that stored, copied or deleted an object, including parts of multipart uploads.
    #[serde(default)]
    pub writes: u32,
    /// Requests that listed objects. Requests in none of the three classes concern the bucket itself.
    #[serde(default)]
    pub lists: u32,
    /// Errors caused by the provider: it failed, throttled, or was unreachable.
    #[serde(default)]
    pub provider_errors: u32,
    /// Bytes received from clients.
    pub upload_bytes: u64,
    /// Bytes sent to clients.
    pub download_bytes: u64,
    /// Change of the stored size, in bytes. Negative if more was deleted than written.
    pub size_change: i64,
    /// Sum of the latencies of the requests, in milliseconds.
    #[serde(default)]
    pub latency_sum_ms: u64,
    /// Sum of the times to the first byte of the responses, in milliseconds.
    #[serde(default)]
    pub first_byte_sum_ms: u64,
}

impl UsageRow {
    /// A row without traffic.
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

    /// Whether the registry can add up the counts: the minute is a whole one since 1970, and the byte counts leave
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

/// The resolution of a traffic series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// By minute; retained for a limited time.
    Minute,
    /// By UTC day; retained permanently.
    Day,
}

impl Resolution {
    /// The length of a period, in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Day => 86_400,
        }
    }

    /// The start of the period that contains a moment, in Unix seconds.
    pub fn start_of(self, moment: jiff::Timestamp) -> i64 {
        moment.as_second().div_euclid(self.seconds()) * self.seconds()
    }
}

/// One node's counts for one bucket, through one repository, in one minute or day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageCounts {
    /// Served requests.
    pub requests: i64,
    /// Failed requests.
    pub errors: i64,
    /// Requests that read an object or its attributes.
    pub reads: i64,
    /// Requests that stored, copied or deleted an object.
    pub writes: i64,
    /// Requests that listed objects.
    pub lists: i64,
    /// Errors caused by the provider.
    pub provider_errors: i64,
    /// Bytes received from clients.
    pub upload_bytes: i64,
    /// Bytes sent to clients.
    pub download_bytes: i64,
    /// Net change of the stored size, in bytes.
    pub size_change: i64,
    /// Sum of the latencies of the requests, in milliseconds.
    pub latency_sum_ms: i64,
    /// Sum of the times to the first byte of the responses, in milliseconds.
    pub first_byte_sum_ms: i64,
}

impl UsageCounts {
    /// Adds the counts of a node. Sums are capped at the largest number.
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

    /// Adds counts of other traffic. Sums are capped at the largest number.
    pub fn merge(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.errors, other.errors),
            (&mut self.reads, other.reads),
            (&mut self.writes, other.writes),
            (&mut self.lists, other.lists),
            (&mut self.provider_errors, other.provider_errors),
            (&mut self.upload_bytes, other.upload_bytes),
            (&mut self.download_bytes, other.download_bytes),
            (&mut self.size_change, other.size_change),
            (&mut self.latency_sum_ms, other.latency_sum_ms),
            (&mut self.first_byte_sum_ms, other.first_byte_sum_ms),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// Mean latency of a request in milliseconds; 0 without requests.
    pub fn latency_ms(&self) -> f64 {
        mean(self.latency_sum_ms, self.requests)
    }

    /// Mean time to the first byte of a response in milliseconds; 0 without requests.
    pub fn first_byte_ms(&self) -> f64 {
        mean(self.first_byte_sum_ms, self.requests)
    }
}

/// Rounded to microseconds: more would be noise.
#[expect(clippy::cast_precision_loss, reason = "sums of milliseconds are far below 2^53")]
fn mean(sum: i64, count: i64) -> f64 {
    if count <= 0 { 0.0 } else { (sum as f64 / count as f64 * 1_000.0).round() / 1_000.0 }
}

/// All traffic of a bucket or a repository since its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Requests served through nodes.
    pub requests: i64,
    /// Bytes received from clients.
    pub upload_bytes: i64,
    /// Bytes sent to clients.
    pub download_bytes: i64,
    /// Net change of the stored size, in bytes.
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
