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
use crate::schema::{CheckSchema, StatusSchema};
use crate::state::ApiState;

/// A bucket could be opened.
#[derive(Serialize, ToSchema)]
pub(crate) struct BucketValidated {
    /// Always true.
    success: bool,
    /// One sentence.
    #[schema(value_type = String, example = "the bucket is reachable and allows everything that was checked")]
    message: &'static str,
    /// How long the provider took, in milliseconds.
    #[schema(example = 12)]
    latency_ms: u64,
    /// The status.
    #[schema(value_type = StatusSchema)]
    status: Status,
    /// The checks that were made, in order.
    #[schema(value_type = Vec<CheckSchema>)]
    checks: Vec<Check>,
}

/// Tries to open a bucket and tells what is wrong.
///
/// Through a node, with what is stored, or with the fields of the body in place of it; nothing is saved. The body may
/// be left out. Another `bucket`, `endpoint`, `key` or `storageType` than the stored one needs the secret, too (400 on
/// `secret`). The checks come in this order and stop at the first that makes the rest pointless: `dns`, `connect`,
/// `tls`, `authenticate`, `bucket`, `list`, `write`, `read`, `delete`. `"checks": "read-only"` leaves write and
/// delete out. A bucket that can't be opened is 400 `VALIDATION_FAILED` with the same `checks`.
#[utoipa::path(
    post,
    path = "/bucket/{bucketId}/validate",
    tag = "Buckets",
    operation_id = "validateBucket",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = Option<TrialFields>,
    responses(
        (status = 200, description = "It can be opened", body = BucketValidated),
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
