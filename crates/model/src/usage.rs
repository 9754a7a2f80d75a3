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
    /// How many of them failed.
    #[serde(default)]
    pub errors: u32,
    /// Bytes that clients sent.
    pub upload_bytes: u64,
    /// Bytes that clients received.
    pub download_bytes: u64,
    /// Change of the stored size, in bytes; negative where more was deleted than written.
    pub size_change: i64,
    /// Sum of the requests' latencies, in milliseconds.
    #[serde(default)]
    pub latency_sum_ms: u64,
}

impl UsageRow {
    /// Whether the figures are such as the registry can add up: whole minutes since 1970 and byte counts that leave
    /// room to be summed in 64 bits.
    pub fn is_sane(&self) -> bool {
        const LARGEST: u64 = 1 << 50; // a pebibyte a minute
        self.minute >= 0
            && self.minute % 60 == 0
            && self.errors <= self.requests
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
