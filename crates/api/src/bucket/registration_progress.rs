//! `GET /bucket/registration/{validationId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::validation::ValidationState;
use bucketry_model::id::ValidationId;

use super::validation_progress::{state_of, waiting};
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/registration/{validationId}");

/// Returns how far a registration has come.
///
/// As for `GET /bucket/{bucketId}/validation/{validationId}`. Once the bucket is registered, the response has its id. Only the
/// user who began the registration may read this.
#[utoipa::path(
    get,
    path = "/bucket/registration/{validationId}",
    tag = "Buckets",
    operation_id = "bucketRegistration",
    security(("bearer" = [])),
    params(
        ("validationId" = String, Path, format = "uuid", description = "The validation"),
        ("after" = Option<u32>, Query, description = "The revision that the caller knows"),
        ("wait" = Option<u32>, Query, maximum = 10, description = "How long to wait for a higher revision, in seconds; 10 if only `after` is sent"),
    ),
    responses(
        (status = 200, description = "The progress", body = ValidationState),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn progress(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<ValidationId>,
    params: Params,
) -> ApiResult<Json<ValidationState>> {
    let (after, wait) = waiting(&params)?;
    let progress = state.control().validation_progress(&caller, id, None, after, wait).await?;
    Ok(Json(state_of(&progress)))
}
