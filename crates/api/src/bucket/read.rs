//! `GET /bucket/{bucketId}`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bucketry_api_types::bucket::BucketAnswer;
use bucketry_model::id::BucketId;

use super::answer::bucket_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}");

/// Returns a bucket, as the list shows it.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}",
    tag = "Buckets",
    operation_id = "readBucket",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "The bucket", body = BucketAnswer<'static>),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
) -> ApiResult<Response> {
    let view = state.control().bucket(&caller, id).await?;
    Ok(Json(BucketAnswer { success: true, bucket: bucket_info(&view) }).into_response())
}
