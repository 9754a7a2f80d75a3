//! `POST /bucket/{bucketId}/inventory`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::inventory::BucketInventory;
use bucketry_model::id::BucketId;

use super::answer::bucket_inventory;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/bucket/{bucketId}/inventory");

/// Measures a bucket now, whatever its schedule and window.
///
/// A node begins to read the bucket's list of objects (a *walk*) within seconds. A paused walk continues. If a walk is in
/// progress, nothing changes.
#[utoipa::path(
    post,
    path = "/bucket/{bucketId}/inventory",
    tag = "Buckets",
    operation_id = "startBucketInventory",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "Requested", body = BucketInventory),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn start(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
) -> ApiResult<Json<BucketInventory>> {
    let view = state.control().start_inventory(&caller, id).await?;
    Ok(Json(bucket_inventory(id, view)))
}
