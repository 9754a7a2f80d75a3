//! `PUT /bucket/{bucketId}`.

use axum::Json;
use axum::extract::State;
use bucketry_control::Error;
use bucketry_control::buckets::BucketInput;
use bucketry_model::diagnosis::Check;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::BucketChanges;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Contended, InOrganization, NodeNeeded, Signed, ValidationLimits, WithBody};
use crate::params::PathId;
use crate::schema::{CheckSchema, StatusSchema};
use crate::state::ApiState;

/// A bucket was changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketUpdated {
    /// Always true.
    success: bool,
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// Its status now.
    #[schema(value_type = StatusSchema)]
    status: Status,
    /// How fast it was reached, in milliseconds.
    #[serde(rename = "latency_ms", skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
    /// What the validation found, where one was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<CheckSchema>>)]
    checks: Option<Vec<Check>>,
}

/// Changes a bucket.
///
/// What is absent stays. Changed credentials or configuration are tried first; if that fails (400
/// `VALIDATION_FAILED` with the checks), everything stays as it was. A change of `bucket`, `endpoint`, `key` or
/// `storageType` needs the secret again (400 on `secret`). Moving it to another workspace needs WRITE in both.
#[utoipa::path(
    put,
    path = "/bucket/{bucketId}",
    tag = "Buckets",
    operation_id = "updateBucket",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = BucketChanges,
    responses(
        (status = 200, description = "Changed", body = BucketUpdated),
        Signed, InOrganization, WithBody, Contended, NodeNeeded, ValidationLimits,
    ),
)]
pub(crate) async fn update(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    ChangeBody { value }: ChangeBody<BucketChanges>,
) -> ApiResult<Json<BucketUpdated>> {
    let input = BucketInput::from(value);
    let updated = state.control().update_bucket(&caller, id, &input).await.map_err(|error| match error {
        // Deleting one in use is 403, moving one is 400.
        Error::InUse(_) => ApiError::from(error).with_status(StatusCode::BAD_REQUEST),
        error => error.into(),
    })?;
    Ok(Json(BucketUpdated {
        success: true,
        bucket_id: updated.id,
        status: updated.status,
        latency_ms: updated.latency_ms,
        checks: updated.diagnosis.map(|diagnosis| diagnosis.checks),
    }))
}
