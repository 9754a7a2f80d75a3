//! `POST /bucket/{bucketId}/validation`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::bucket_fields::TrialFields;
use bucketry_api_types::validation::ValidationBegun;
use bucketry_model::id::BucketId;

use super::input::trial;
use crate::body::OptionalJsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, NodeNeeded, Signed, ValidationLimits, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/bucket/{bucketId}/validation");

/// Begins a validation whose checks can be followed.
///
/// Takes the same body as `POST /bucket/{bucketId}/validate` and makes the same checks, but returns at once. The response
/// has the id with which `GET /bucket/{bucketId}/validation/{validationId}` returns the progress, until five minutes
/// after the end.
#[utoipa::path(
    post,
    path = "/bucket/{bucketId}/validation",
    tag = "Buckets",
    operation_id = "beginBucketValidation",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = Option<TrialFields>,
    responses(
        (status = 200, description = "The validation has begun", body = ValidationBegun),
        Signed, InOrganization, WithBody, NodeNeeded, ValidationLimits,
    ),
)]
pub(crate) async fn begin(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    OptionalJsonBody(fields): OptionalJsonBody<TrialFields>,
) -> ApiResult<Json<ValidationBegun>> {
    let validation_id = state.control().begin_validation(&caller, id, &trial(fields)).await?;
    Ok(Json(ValidationBegun { success: true, validation_id }))
}
