//! `POST /bucket/{bucketId}/uploads/clean`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::count::Count;
use bucketry_api_types::freshness::{UploadCleaningRequest, UploadCleaningResult};
use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::CleanedUploads;
use bucketry_model::id::BucketId;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, NodeNeeded, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/bucket/{bucketId}/uploads/clean",
    r#"{ "olderThanSeconds": 604800, "dryRun": true }"#,
);

/// Aborts the multipart uploads of a bucket that nobody completed.
///
/// The provider deletes their parts, which use storage until then. All uploads that began long enough ago are aborted,
/// also those that other programs began directly at the provider. `"dryRun": true` only reports what would be aborted. If
/// the provider refuses to list the uploads, the response is 400 `VALIDATION_FAILED`, and `checks` says why.
#[utoipa::path(
    post,
    path = "/bucket/{bucketId}/uploads/clean",
    tag = "Buckets",
    operation_id = "cleanBucketUploads",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = UploadCleaningRequest,
    responses(
        (status = 200, description = "How many uploads were found and aborted", body = UploadCleaningResult),
        Signed, InOrganization, WithBody, NodeNeeded,
    ),
)]
pub(crate) async fn clean(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    JsonBody { value, .. }: JsonBody<UploadCleaningRequest>,
) -> ApiResult<Json<UploadCleaningResult>> {
    let dry_run = value.dry_run.unwrap_or_default();
    let cleaned = state.control().clean_uploads(&caller, id, value.older_than_seconds, dry_run).await?;
    let CleanedUploads { found, aborted, failure } = cleaned;
    let message = match &failure {
        Some(failure) => failure.clone(),
        None if found.count == 0 => "no upload is old enough".to_owned(),
        None if dry_run => "nothing was aborted, because this was a dry run".to_owned(),
        None => "the uploads were aborted".to_owned(),
    };
    Ok(Json(UploadCleaningResult {
        success: failure.is_none(),
        found: found.count,
        aborted,
        bytes: found.bytes.map(|bytes| Count(i64::try_from(bytes).unwrap_or(i64::MAX))),
        oldest: found.oldest.map(Moment),
        complete: found.complete,
        message,
    }))
}
