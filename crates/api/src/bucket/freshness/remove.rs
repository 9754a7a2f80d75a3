//! `DELETE /bucket/{bucketId}/freshness`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_model::id::BucketId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/bucket/{bucketId}/freshness?prefix=unused/");

/// Removes the freshness rule for a prefix.
#[utoipa::path(
    delete,
    path = "/bucket/{bucketId}/freshness",
    tag = "Buckets",
    operation_id = "removeBucketFreshness",
    security(("bearer" = [])),
    params(
        ("bucketId" = String, Path, format = "uuid", description = "The bucket"),
        ("prefix" = Option<String>, Query, description = "The prefix of the rule. The default is the empty one, for all keys"),
    ),
    responses(
        (status = 200, description = "Removed", body = Done),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn remove(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    params: Params,
) -> ApiResult<Json<Done>> {
    let prefix = params.text("prefix")?.unwrap_or_default();
    state.control().remove_freshness_rule(&caller, id, prefix).await?;
    Ok(Json(Done::YES))
}
