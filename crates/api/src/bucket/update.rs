//! `PUT /bucket/{bucketId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::bucket::BucketChanged;
use bucketry_api_types::bucket_fields::BucketChanges;
use bucketry_control::Error;
use bucketry_model::id::BucketId;
use http::StatusCode;

use super::answer::{also_registered, read_fields};
use super::input::bucket_changes;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Contended, InOrganization, NodeNeeded, Signed, ValidationLimits, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/bucket/{bucketId}", r#"{ "name": "{name}" }"#);

/// Changes a bucket.
///
/// Absent fields stay unchanged. Changed credentials or configuration are validated first; if that fails (400
/// `VALIDATION_FAILED` with the checks), nothing is changed. Changing `bucket`, `endpoint`, `key` or `storageType`
/// requires the secret again (400 on `secret`). Moving the bucket to another workspace needs WRITE in both
/// workspaces.
#[utoipa::path(
    put,
    path = "/bucket/{bucketId}",
    tag = "Buckets",
    operation_id = "updateBucket",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = BucketChanges,
    responses(
        (status = 200, description = "Changed", body = BucketChanged),
        Signed, InOrganization, WithBody, Contended, NodeNeeded, ValidationLimits,
    ),
)]
pub(crate) async fn update(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    ChangeBody { value }: ChangeBody<BucketChanges>,
) -> ApiResult<Json<BucketChanged>> {
    let input = bucket_changes(value);
    let updated = state.control().update_bucket(&caller, id, &input).await.map_err(|error| match error {
        // Deleting a bucket in use is 403, moving one is 400.
        Error::InUse(_) => ApiError::from(error).with_status(StatusCode::BAD_REQUEST),
        error => error.into(),
    })?;
    Ok(Json(BucketChanged {
        success: true,
        bucket_id: updated.id,
        status: updated.status,
        latency_ms: updated.latency_ms,
        checks: updated.diagnosis.map(|diagnosis| diagnosis.checks),
        read: read_fields(updated.read),
        also_registered: also_registered(updated.also_registered),
    }))
}
