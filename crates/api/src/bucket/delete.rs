//! `DELETE /bucket/{bucketId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_model::id::BucketId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/bucket/{bucketId}");

/// Deletes a bucket.
///
/// The bucket is removed from the registry; nothing changes at its provider. Its statistics remain, its secret is
/// destroyed immediately, and its name can be used again. 403 `BUCKET_IN_USE` while a repository contains the
/// bucket.
#[utoipa::path(
    delete,
    path = "/bucket/{bucketId}",
    tag = "Buckets",
    operation_id = "deleteBucket",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "Deleted", body = Done),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
) -> ApiResult<Json<Done>> {
    state.control().delete_bucket(&caller, id).await?;
    Ok(Json(Done::YES))
}
