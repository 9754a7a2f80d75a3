//! A bucket at its nodes: its status now, and its record of a day.

use std::borrow::Cow;

use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::count::Count;
use crate::inventory::SizeSource;
use crate::moment::Moment;

/// A bucket's status at its nodes. It has no `success` field, as the public contract requires.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketStatusAnswer {
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// One entry per node that reports on the bucket.
    pub node_status: Vec<NodeStatus>,
    /// Stored bytes now. Absent without an inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<Count>,
    /// Whether `storedBytes` was measured or estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_source: Option<SizeSource>,
    /// Number of objects at the end of the last inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Count>,
    /// The end of the last inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory_at: Option<Moment>,
}

/// A bucket's status at one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeStatus {
    /// The unique name of the node.
    #[cfg_attr(feature = "openapi", schema(example = "node-1.example.com"))]
    pub ip: String,
    /// The region that the node runs in.
    pub region: String,
    /// The version that the node runs.
    pub version: String,
    /// The status that the node reports; DISCONNECTED if the node is not connected.
    pub status: Status,
    /// The latency of the node's last successful probe, in milliseconds; 0 if the status isn't ONLINE.
    pub latency_ms: u32,
    /// The same as `latency_ms`, under the name that the public client reads.
    #[serde(rename = "latencyMs")]
    pub latency_ms_again: u32,
    /// When the node last probed the bucket.
    #[serde(rename = "lastUpdated")]
    pub last_updated: Moment,
    /// Why the node reports OFFLINE, as a stable code. Absent if it doesn't.
    #[serde(rename = "lastError", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "ACCESS_DENIED_READ"))]
    pub last_error: Option<Cow<'static, str>>,
    /// The same reason as a sentence.
    #[serde(rename = "statusReason", skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Since when the node has reported ONLINE. Absent for other statuses, and where the time isn't known.
    #[serde(rename = "onlineSince", skip_serializing_if = "Option::is_none")]
    pub online_since: Option<Moment>,
    /// Since when the node has reported OFFLINE. Absent for other statuses, and where the time isn't known.
    #[serde(rename = "offlineSince", skip_serializing_if = "Option::is_none")]
    pub offline_since: Option<Moment>,
}

/// The day to report.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhichDay {
    /// An RFC 3339 date-time or `YYYY-MM-DD`. The report covers the UTC day that contains it.
    #[cfg_attr(feature = "openapi", schema(example = "2026-01-31T00:00:00.000Z"))]
    pub day: String,
}

/// A bucket's statistics for one day.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DayAnswer {
    /// Always true.
    pub success: bool,
    /// One entry per node that probed the bucket that day.
    pub node_stats: Vec<NodeDay>,
}

/// A bucket's statistics for one day, from one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeDay {
    /// The unique name of the node.
    #[cfg_attr(feature = "openapi", schema(example = "node-1.example.com"))]
    pub ip: String,
    /// The pattern of the host names that the node answers to.
    #[cfg_attr(feature = "openapi", schema(example = "*-eu-central-1-aws.node-1.example.com"))]
    pub host: String,
    /// The share of the observed part of the day in which the bucket was online, in percent, weighted by time.
    pub perc_uptime: f64,
    /// The mean latency of the successful probes, in milliseconds.
    pub avg_latency_ms: f64,
    /// The median latency of the successful probes, in milliseconds; null if there were none.
    pub p50_latency_ms: Option<u32>,
    /// The 99th percentile of the latency of the successful probes, in milliseconds; null if there were none.
    pub p99_latency_ms: Option<u32>,
    /// The latency of the day's last probe, in milliseconds; 0 if it failed.
    pub last_latency_ms: u32,
    /// The number of probes that day.
    pub probes: i64,
    /// The number of probes that failed.
    pub failures: i64,
    /// The day's last failure; null if there was none.
    pub last_error: Option<LastError>,
    /// The version that the node runs.
    pub version: String,
    /// The bucket's status after the day's last probe; DISCONNECTED if the node is not connected now.
    pub node_status: Status,
    /// When the day's last probe ended.
    pub last_updated: Moment,
}

/// A failed probe.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastError {
    /// Why the probe failed, as a stable code.
    #[cfg_attr(feature = "openapi", schema(example = "CONNECTION_REFUSED"))]
    pub error_code: Cow<'static, str>,
    /// The same reason as a sentence.
    pub message: String,
}
