//! `POST /bucket/{bucketId}/validate`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::bucket::BucketValidated;
use bucketry_api_types::bucket_fields::TrialFields;
use bucketry_control::Error;
use bucketry_model::id::BucketId;

use super::answer::read_fields;
use super::input::trial;
use crate::body::OptionalJsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, NodeNeeded, Signed, ValidationLimits, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/bucket/{bucketId}/validate");

/// Checks whether a bucket can be used, and reports what is wrong.
///
/// A node validates the bucket with the stored fields; fields in the body replace them. No field is stored. The body
/// is optional. A `bucket`, `endpoint`, `key` or `storageType` that differs from the stored one requires the
/// secret, too (400 on `secret`). The checks are made in this order and stop at the first failure that makes the
/// rest pointless: `dns`, `connect`, `tls`, `authenticate`, `bucket`, `list`, `write`, `read`, `delete`. `"checks":
/// "read-only"` leaves out `write` and `delete`. If a check fails, the response is 400 `VALIDATION_FAILED` with the
/// same `checks`.
#[utoipa::path(
    post,
    path = "/bucket/{bucketId}/validate",
    tag = "Buckets",
    operation_id = "validateBucket",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = Option<TrialFields>,
    responses(
        (status = 200, description = "The bucket can be used", body = BucketValidated),
        Signed, InOrganization, WithBody, NodeNeeded, ValidationLimits,
    ),
)]
pub(crate) async fn validate(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    OptionalJsonBody(fields): OptionalJsonBody<TrialFields>,
) -> ApiResult<Json<BucketValidated>> {
    let input = trial(fields);
    let validated = state.control().validate_bucket(&caller, id, &input).await?;
    let status = validated.status;
    if !validated.diagnosis.is_healthy() {
        return Err(ApiError::from(Error::ValidationFailed(validated.diagnosis)));
    }
    Ok(Json(BucketValidated {
        success: true,
        message: "the bucket is reachable and allows everything that was checked".into(),
        latency_ms: validated.diagnosis.latency_ms,
        status,
        checks: validated.diagnosis.checks,
        read: read_fields(validated.read),
    }))
}
