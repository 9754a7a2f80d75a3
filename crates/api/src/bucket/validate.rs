//! `POST /bucket/{bucketId}/validate`.

use axum::Json;
use axum::extract::State;
use bucketry_control::Error;
use bucketry_control::buckets::BucketInput;
use bucketry_model::diagnosis::Check;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::TrialFields;
use crate::body::OptionalJsonBody;
use crate::caller::Authenticated;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, NodeNeeded, Signed, ValidationLimits, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

/// The result of a successful validation.
#[derive(Serialize, ToSchema)]
pub(crate) struct BucketValidated {
    /// Always true.
    success: bool,
    /// The result in one sentence.
    #[schema(value_type = String, example = "the bucket is reachable and allows everything that was checked")]
    message: &'static str,
    /// The latency of the `bucket` check, or the time of all checks if it was not made, in milliseconds.
    #[schema(example = 12)]
    latency_ms: u64,
    /// Always ONLINE: every check passed.
    status: Status,
    /// The checks that were made, in order.
    checks: Vec<Check>,
}

/// Checks whether a bucket can be opened, and reports what is wrong.
///
/// A node opens the bucket with the stored fields, or with those in the body in their place; nothing is stored. The
/// body is optional. A `bucket`, `endpoint`, `key` or `storageType` that differs from the stored one requires the
/// secret, too (400 on `secret`). The checks are made in this order and stop at the first failure that makes the
/// rest pointless: `dns`, `connect`, `tls`, `authenticate`, `bucket`, `list`, `write`, `read`, `delete`. `"checks":
/// "read-only"` leaves out `write` and `delete`. A bucket that can't be opened is 400 `VALIDATION_FAILED` with the
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
        (status = 200, description = "The bucket can be opened", body = BucketValidated),
        Signed, InOrganization, WithBody, NodeNeeded, ValidationLimits,
    ),
)]
pub(crate) async fn validate(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    OptionalJsonBody(trial): OptionalJsonBody<TrialFields>,
) -> ApiResult<Json<BucketValidated>> {
    let input = BucketInput::from(trial);
    let validated = state.control().validate_bucket(&caller, id, &input).await?;
    let status = validated.status;
    if !validated.diagnosis.is_healthy() {
        return Err(ApiError::from(Error::ValidationFailed(validated.diagnosis)));
    }
    Ok(Json(BucketValidated {
        success: true,
        message: "the bucket is reachable and allows everything that was checked",
        latency_ms: validated.diagnosis.latency_ms,
        status,
        checks: validated.diagnosis.checks,
    }))
}
