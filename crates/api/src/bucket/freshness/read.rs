//! `GET /bucket/{bucketId}/freshness`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::freshness::FreshnessList;
use bucketry_model::id::BucketId;

use super::answer::list;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/freshness");

/// Lists the freshness rules of a bucket, with what their last checks found.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/freshness",
    tag = "Buckets",
    operation_id = "bucketFreshness",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    responses(
        (status = 200, description = "The rules", body = FreshnessList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    _: Params,
) -> ApiResult<Json<FreshnessList>> {
    Ok(Json(list(state.control().freshness_rules(&caller, id).await?)))
}
