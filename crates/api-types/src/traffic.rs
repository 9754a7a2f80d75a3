//! Traffic of buckets and repositories: of all time, and by minute or by day; of workspaces by hour.

use std::borrow::Cow;

use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::count::Count;

/// A bucket's traffic of all time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = BucketTotals))]
pub struct BucketTraffic {
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// Requests that nodes served.
    pub total_count: Count,
    /// Bytes that clients sent.
    pub total_upload_bytes: Count,
    /// Bytes that clients received.
    pub total_download_bytes: Count,
    /// Net change of the stored size, in bytes.
    pub total_size_change: Count,
}

/// Traffic of all time by bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = TotalsList))]
pub struct BucketTrafficList {
    /// Always true.
    pub success: bool,
    /// One entry per bucket: newest bucket first, or in the requested order.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub stats: Vec<BucketTraffic>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A bucket's traffic of all time, under the old field names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UnitTotals {
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub unit_id: BucketId,
    /// Requests that nodes served.
    pub total_count: Count,
    /// Bytes that clients sent.
    pub total_upload_bytes: Count,
    /// Bytes that clients received.
    pub total_download_bytes: Count,
    /// Net change of the stored size, in bytes.
    pub total_size_change: Count,
}

/// Traffic of all time by bucket, under the old field names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnitTotalsList {
    /// Always true.
    pub success: bool,
    /// One entry per bucket.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub stats: Vec<UnitTotals>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What traffic costs according to the operator's price sheet: an estimate, because each provider counts and rounds in its
/// own way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EstimatedCost {
    /// The currency of the price sheet.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "EUR"))]
    pub currency: Cow<'static, str>,
    /// The price of the requests. Absent where the sheet has no price for requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 0.0004))]
    pub requests: Option<f64>,
    /// The price of the bytes that clients received. Absent where the sheet has no price for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = 0.09))]
    pub egress: Option<f64>,
    /// The sum of the two.
    #[cfg_attr(feature = "openapi", schema(example = 0.0904))]
    pub total: f64,
}

/// The traffic of one minute or UTC day, for one bucket, repository and node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatsData<'a> {
    /// The start of the minute or UTC day, in Unix seconds.
    #[cfg_attr(feature = "openapi", schema(example = 1_767_225_600))]
    pub timestamp: i64,
    /// The repository that the requests used; null for requests without a repository.
    #[serde(rename = "repoId")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub repo_id: Option<RepoId>,
    /// The bucket's id.
    #[serde(rename = "bucketId")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's id, under its old name.
    #[serde(rename = "unitId")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub unit_id: BucketId,
    /// Bytes that clients sent.
    pub upl_bytes: Count,
    /// Bytes that clients received.
    pub dwl_bytes: Count,
    /// Change of the stored size, in bytes. Negative if more was deleted than written.
    pub size_change: Count,
    /// Mean latency per request, in milliseconds.
    pub latency_ms: f64,
    /// Mean time to the first byte of the response, in milliseconds.
    pub first_byte_ms: f64,
    /// The name of the node that served the requests.
    #[cfg_attr(feature = "openapi", schema(example = "node-1.example.com"))]
    pub host: Cow<'a, str>,
    /// Requests that the node served.
    pub requests: i64,
    /// Requests that failed, for any reason.
    pub errors: i64,
    /// Failed requests whose error came from the provider.
    pub provider_errors: i64,
    /// Requests that read an object or its attributes.
    pub reads: i64,
    /// Requests that stored, copied or deleted an object.
    pub writes: i64,
    /// Requests that listed objects.
    pub lists: i64,
    /// What the traffic costs, as an estimate. Absent where the operator's price sheet has no price for the bucket.
    #[serde(rename = "estimatedCost", default, skip_serializing_if = "Option::is_none")]
    pub estimated_cost: Option<EstimatedCost>,
}

/// Traffic by minute or by day.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatsList {
    /// Always true.
    pub success: bool,
    /// The entries, newest period first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub data: Vec<StatsData<'static>>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The traffic of one hour, for one workspace and node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HourlyStats<'a> {
    /// The start of the hour, in Unix seconds.
    #[cfg_attr(feature = "openapi", schema(example = 1_767_225_600))]
    pub timestamp: i64,
    /// The workspace that the buckets were in at that time.
    #[serde(rename = "workspaceId")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub workspace_id: WorkspaceId,
    /// The name of the node that served the requests.
    #[cfg_attr(feature = "openapi", schema(example = "node-1.example.com"))]
    pub host: Cow<'a, str>,
    /// Bytes that clients sent.
    pub upl_bytes: Count,
    /// Bytes that clients received.
    pub dwl_bytes: Count,
    /// Change of the stored size, in bytes. Negative if more was deleted than written.
    pub size_change: Count,
    /// Mean latency per request, in milliseconds.
    pub latency_ms: f64,
    /// Mean time to the first byte of the response, in milliseconds.
    pub first_byte_ms: f64,
    /// Requests that the node served.
    pub requests: i64,
    /// Requests that failed, for any reason.
    pub errors: i64,
    /// Failed requests whose error came from the provider.
    pub provider_errors: i64,
    /// Requests that read an object or its attributes.
    pub reads: i64,
    /// Requests that stored, copied or deleted an object.
    pub writes: i64,
    /// Requests that listed objects.
    pub lists: i64,
}

/// Traffic by hour and workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HourlyStatsList {
    /// Always true.
    pub success: bool,
    /// The entries, newest hour first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub data: Vec<HourlyStats<'static>>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
