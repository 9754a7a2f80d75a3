//! Freshness rules of buckets, and abandoned multipart uploads.

use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::moment::Moment;

/// A rule to set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FreshnessChanges {
    /// Only objects whose keys begin with this text count. The default is all objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "backups/"))]
    pub prefix: Option<String>,
    /// Smaller objects don't count. The default is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 1_000_000))]
    pub min_bytes: Option<i64>,
    /// How old the newest object may be, in seconds: 600 (10 minutes) to 315360000 (10 years).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, example = 93_600))]
    pub max_age_seconds: Option<i64>,
}

/// Whether the newest object under a prefix is new enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Freshness {
    /// The newest object is not too old.
    Fresh,
    /// The newest object is too old, or there is none.
    Stale,
    /// The prefix was never checked successfully.
    Unknown,
}

/// A rule, and what its last check found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FreshnessInfo {
    /// Only objects whose keys begin with this text count.
    #[cfg_attr(feature = "openapi", schema(example = "backups/"))]
    pub prefix: String,
    /// Smaller objects don't count.
    pub min_bytes: Count,
    /// How old the newest object may be, in seconds.
    pub max_age_seconds: i64,
    /// Whether the newest object is too old.
    pub state: Freshness,
    /// When the newest object was stored; null if none was found.
    pub newest_at: Option<Moment>,
    /// Since when the prefix is stale. Absent if it isn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_since: Option<Moment>,
    /// When the last check ended; null before the first one.
    pub checked_at: Option<Moment>,
    /// Why the last check failed. Absent if it didn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The rules of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FreshnessList {
    /// Always true.
    pub success: bool,
    /// The rules, by prefix. At most 20.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub rules: Vec<FreshnessInfo>,
}

/// Which multipart uploads to abort.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UploadCleaningRequest {
    /// Uploads that began more than this many seconds ago: 3600 (1 hour) to 315360000 (10 years).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, example = 604_800))]
    pub older_than_seconds: Option<i64>,
    /// Only report what would be aborted. The default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// How many multipart uploads were found, and how many of them were aborted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UploadCleaningResult {
    /// Whether all uploads that were found were aborted, or the request was a dry run.
    pub success: bool,
    /// How many are old enough.
    pub found: u64,
    /// How many of these were aborted.
    pub aborted: u64,
    /// The bytes of their parts; null if there are more than 100 uploads.
    pub bytes: Option<Count>,
    /// When the oldest began; null if none was found.
    pub oldest: Option<Moment>,
    /// Whether all uploads of the bucket were looked at. If not, call again.
    pub complete: bool,
    /// What happened, as a sentence.
    pub message: String,
}
