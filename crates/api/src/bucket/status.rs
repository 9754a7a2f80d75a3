//! `GET /bucket/{bucketId}/status`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::bucket_status::{BucketStatusAnswer, NodeStatus};
use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::NodeStatusView;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;

use super::inventory::answer::current_size;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/status");

fn node_status(view: NodeStatusView) -> NodeStatus {
    let latency = view.latency_ms.unwrap_or(0);
    NodeStatus {
        ip: view.node.name,
        region: view.node.region,
        version: view.node.version,
        status: view.status,
        latency_ms: latency,
        latency_ms_again: latency,
        last_updated: Moment(view.last_updated),
        last_error: view.last_error.as_ref().map(|failure| failure.code.as_str().into()),
        status_reason: view.last_error.map(|failure| failure.message),
        online_since: view.since.filter(|_| view.status == Status::Online).map(Moment),
        offline_since: view.since.filter(|_| view.status == Status::Offline).map(Moment),
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
    let control = state.control();
    let nodes = control.bucket_status(&caller, id).await?;
    let size = control.bucket_size(&caller, id).await?.map(current_size);
    Ok(Json(BucketStatusAnswer {
        bucket_id: id,
        node_status: nodes.into_iter().map(node_status).collect(),
        stored_bytes: size.as_ref().map(|size| size.stored_bytes),
        size_source: size.as_ref().map(|size| size.source),
        objects: size.as_ref().map(|size| size.objects),
        inventory_at: size.map(|size| size.inventory_at),
    }))
}
