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

/// All that was ever counted for a bucket.
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
