//! `GET /bucket/{bucketId}/inventory`.

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

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/inventory");

/// Returns how full a bucket is: the latest results, the walk in progress, and the setting.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/inventory",
    tag = "Buckets",
    operation_id = "bucketInventory",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "The inventories", body = BucketInventory),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
) -> ApiResult<Json<BucketInventory>> {
    let view = state.control().bucket_inventory(&caller, id).await?;
    Ok(Json(bucket_inventory(id, view)))
}
