//! `/stats/nodes`: node reports on buckets, current, by hour and by day.

use std::borrow::Cow;

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// A bucket's current status at one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeStatsMinute {
    /// The node's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub node_id: NodeId,
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's id, under its old name.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub unit_id: BucketId,
    /// The status that the node reports; DISCONNECTED if the node is not connected.
    pub node_status: Status,
    /// When the node last probed the bucket.
    pub last_updated: Moment,
    /// The latency of the node's last successful probe, in milliseconds; 0 if there was none yet.
    #[serde(rename = "latency_ms")]
    pub latency_ms: u32,
}

/// The current status of buckets at their nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeStatsMinuteList {
    /// Always true.
    pub success: bool,
    /// One entry per bucket and node: newest bucket first, or in the requested order; then by node name.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub data: Vec<NodeStatsMinute>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A bucket's availability and latency in one hour, at one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeHour {
    /// The start of the hour, in Unix seconds.
    #[cfg_attr(feature = "openapi", schema(example = 1_767_225_600))]
    pub timestamp: i64,
    /// The share of the observed part of the hour in which the bucket was online, in percent; null if the node observed
    /// nothing between two probes.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100))]
    pub online: Option<f64>,
    /// The median latency of the successful probes, in milliseconds; null if there were none.
    pub p50_latency_ms: Option<u32>,
    /// The 99th percentile of the latency of the successful probes, in milliseconds; null if there were none.
    pub p99_latency_ms: Option<u32>,
    /// The number of probes.
    pub probes: i64,
    /// The number of failed probes.
    pub failures: i64,
}

/// The latest hours of a bucket at one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeStatsHourly {
    /// The node's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub node_id: NodeId,
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's id, under its old name.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub unit_id: BucketId,
    /// The unique name of the node.
    #[cfg_attr(feature = "openapi", schema(example = "node-1.example.com"))]
    pub ip: String,
    /// The hours with probes, newest first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub hours: Vec<NodeHour>,
}

/// The latest hours of buckets at their nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeStatsHourlyList {
    /// Always true.
    pub success: bool,
    /// One entry per bucket and node: newest bucket first, or in the requested order; then by node name.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub data: Vec<NodeStatsHourly>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A bucket's statistics for one day, from one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NodeStatsDaily<'a> {
    /// The node's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub node_id: NodeId,
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's id, under its old name.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub unit_id: BucketId,
    /// The UTC day as a number: day, month and year (ddmmyyyy, without a leading zero of the day).
    #[cfg_attr(feature = "openapi", schema(example = 31_012_026))]
    pub day: u32,
    /// The share of the observed part of the day in which the bucket was online, in percent.
    #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 100))]
    pub online: f64,
    /// The mean latency of the successful probes, in milliseconds.
    #[serde(rename = "latency_ms")]
    pub latency_ms: f64,
    /// The provider's address; empty if the bucket is at AWS (S3), Google Cloud (GCS) or in Azure's public cloud (BLOB).
    pub endpoint: String,
    /// The bucket's region; empty if none is set.
    pub region: Cow<'a, str>,
    /// The storage protocol of the provider.
    pub storage_type: StorageType,
    /// The provider, derived from the endpoint.
    #[cfg_attr(feature = "openapi", schema(example = "AWS"))]
    pub provider: Cow<'static, str>,
    /// The bucket's status after the day's last probe; DISCONNECTED if the node is not connected now.
    pub status: Status,
    /// The version that the node runs.
    pub version: Cow<'a, str>,
}

/// Statistics of buckets by day and node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeStatsDailyList {
    /// Always true.
    pub success: bool,
    /// One entry per bucket, day and node: newest bucket first, or in the requested order; then newest day first,
    /// then by node name.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub data: Vec<NodeStatsDaily<'static>>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
