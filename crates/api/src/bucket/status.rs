//! `GET /bucket/{bucketId}/status`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::NodeStatusView;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

/// A bucket's status at its nodes. It has no `success` field, as the public contract requires.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketStatusAnswer {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// One entry per node that reports on the bucket.
    node_status: Vec<NodeStatus>,
}

/// A bucket's status at one node.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeStatus {
    /// The unique name of the node.
    #[schema(example = "node-1.example.com")]
    ip: String,
    /// The region that the node runs in.
    region: String,
    /// The version that the node runs.
    version: String,
    /// The status that the node reports; DISCONNECTED if the node is not connected.
    status: Status,
    /// The latency of the node's last successful probe, in milliseconds; 0 if there was none yet.
    latency_ms: u32,
    /// The same as `latency_ms`, under the name that the public client reads.
    #[serde(rename = "latencyMs")]
    latency_ms_again: u32,
    /// When the node last probed the bucket.
    #[serde(rename = "lastUpdated")]
    last_updated: Moment,
    /// Why the node reports OFFLINE, as a stable code. Absent if it doesn't.
    #[serde(rename = "lastError", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ACCESS_DENIED_READ")]
    last_error: Option<&'static str>,
    /// The same reason as a sentence.
    #[serde(rename = "statusReason", skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
}

impl From<NodeStatusView> for NodeStatus {
    fn from(view: NodeStatusView) -> Self {
        let latency = view.latency_ms.unwrap_or(0);
        Self {
            ip: view.node.name,
            region: view.node.region,
            version: view.node.version,
            status: view.status,
            latency_ms: latency,
            latency_ms_again: latency,
            last_updated: Moment(view.last_updated),
            last_error: view.last_error.as_ref().map(|failure| failure.code.as_str()),
            status_reason: view.last_error.map(|failure| failure.message),
        }
    }
}

/// Returns a bucket's status, by node.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/status",
    tag = "Buckets",
    operation_id = "bucketStatus",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "The status at each node", body = BucketStatusAnswer),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn status(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
) -> ApiResult<Json<BucketStatusAnswer>> {
    let nodes = state.control().bucket_status(&caller, id).await?;
    Ok(Json(BucketStatusAnswer {
        bucket_id: id,
        node_status: nodes.into_iter().map(NodeStatus::from).collect(),
    }))
}
