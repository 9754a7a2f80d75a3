//! The history of buckets: changes of their status, outages, and the last diagnosis.

use std::borrow::Cow;

use bucketry_model::diagnosis::Check;
use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// A change of a bucket's status at one node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = StatusEvent))]
pub struct StatusEventInfo {
    /// A number that no other event has.
    pub id: i64,
    /// When the probe ended that found the change, by the node's clock.
    pub at: Moment,
    /// The bucket's id. The bucket may have been deleted since.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The bucket's display name now.
    #[cfg_attr(feature = "openapi", schema(example = "Holiday photos"))]
    pub bucket_name: String,
    /// The workspace that the bucket belonged to at that time.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub workspace_id: WorkspaceId,
    /// The id of the node.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub node_id: NodeId,
    /// The unique name of the node. Absent if it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "node-1.example.com"))]
    pub ip: Option<String>,
    /// The status before; null for the node's first report on a new or changed bucket.
    pub from: Option<Status>,
    /// The status since then.
    pub to: Status,
    /// Why the bucket is OFFLINE, as a stable code. Absent if it is ONLINE.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "CONNECT_TIMEOUT"))]
    pub last_error: Option<Cow<'static, str>>,
    /// The same reason as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// The version of the bucket's location and secret that was probed. Each change of location or secret raises it.
    pub version: i64,
}

/// A list of status changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusEventList {
    /// Always true.
    pub success: bool,
    /// The changes, newest first.
    pub events: Vec<StatusEventInfo>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A time in which no node reached a bucket, and at least one tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Outage))]
pub struct OutageInfo {
    /// When the last node stopped reaching the bucket.
    pub start: Moment,
    /// When a node reached it again; null if none has yet.
    pub end: Option<Moment>,
    /// How long the outage lasted, or has lasted, in seconds.
    pub seconds: i64,
    /// The reason at the beginning, as a stable code.
    #[serde(rename = "lastError", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "CONNECT_TIMEOUT"))]
    pub last_error: Option<Cow<'static, str>>,
    /// The same reason as a sentence.
    #[serde(rename = "statusReason", skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
}

/// The outages of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutageList {
    /// Always true.
    pub success: bool,
    /// The outages, newest first.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub outages: Vec<OutageInfo>,
    /// Whether all events of the range were considered. Only the newest 10,000 are.
    pub complete: bool,
}

/// The last diagnosis of a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DiagnosisAnswer {
    /// Always true.
    pub success: bool,
    /// The diagnosis; null if the bucket has never been validated.
    pub diagnosis: Option<StoredDiagnosis>,
}

/// What a node found when it last validated a bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StoredDiagnosis {
    /// When the checks ended.
    pub at: Moment,
    /// The id of the node that made them.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub node_id: NodeId,
    /// The unique name of that node. Absent if it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// ONLINE if every check passed, otherwise OFFLINE.
    pub status: Status,
    /// Whether location or secret of the bucket have changed since.
    pub outdated: bool,
    /// The checks, in the order in which they ran.
    pub checks: Vec<Check>,
}
