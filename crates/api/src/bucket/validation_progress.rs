//! `GET /bucket/{bucketId}/validation/{validationId}`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bucketry_api_types::validation::{CheckLine, ValidationFailure, ValidationState};
use bucketry_control::Error;
use bucketry_control::buckets::CreatedBucket;
use bucketry_control::validations::{LONGEST_WAIT, ValidationEnd, ValidationProgress};
use bucketry_model::paste::fields::PasteReading;
use bucketry_model::status::Status;

use super::answer::{also_registered, read_fields};
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, ValidationPath};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/validation/{validationId}");

/// What the end of a validation adds to its checks.
#[derive(Default)]
struct EndOfChecks {
    status: Option<Status>,
    failure: Option<ValidationFailure>,
    read: Vec<PasteReading>,
    created: Option<Arc<CreatedBucket>>,
}

fn end_of_checks(end: &ValidationEnd) -> EndOfChecks {
    match end {
        ValidationEnd::Validated(validated) => EndOfChecks {
            status: Some(validated.status),
            read: validated.read.clone(),
            ..EndOfChecks::default()
        },
        ValidationEnd::Created(created) => EndOfChecks {
            // Without checks, nothing is known of it yet.
            status: created.diagnosis.is_some().then_some(Status::Online),
            read: created.read.clone(),
            created: Some(Arc::clone(created)),
            ..EndOfChecks::default()
        },
        ValidationEnd::Failed(error) => match &**error {
            Error::ValidationFailed(_) => {
                EndOfChecks { status: Some(Status::Offline), ..EndOfChecks::default() }
            }
            error => {
                let (error_code, message) = (error.code().to_owned(), error.to_string());
                EndOfChecks {
                    failure: Some(ValidationFailure { error_code, message }),
                    ..EndOfChecks::default()
                }
            }
        },
    }
}

pub(super) fn state_of(progress: &ValidationProgress) -> ValidationState {
    let end = progress.end.as_ref().map(end_of_checks);
    let done = end.is_some();
    let EndOfChecks { status, failure, read, created } = end.unwrap_or_default();
    ValidationState {
        success: true,
        validation_id: progress.id,
        revision: progress.revision,
        done,
        status,
        checks: CheckLine::all(progress.scope, &progress.checks, progress.running),
        failure,
        read: read_fields(read),
        bucket_id: created.as_ref().map(|created| created.id),
        also_registered: created
            .map(|created| also_registered(created.also_registered.clone()))
            .unwrap_or_default(),
    }
}

/// The revision that the caller knows, and how long to wait for a higher one.
pub(super) fn waiting(params: &Params) -> ApiResult<(Option<u64>, Duration)> {
    let after = params.number("after")?.map(u64::from);
    let wait = match params.number("wait")? {
        None => LONGEST_WAIT,
        Some(seconds) if u64::from(seconds) <= LONGEST_WAIT.as_secs() => Duration::from_secs(seconds.into()),
        Some(_) => return Err(ApiError::field("wait", "must be a whole number of seconds up to 10")),
    };
    Ok((after, wait))
}

/// Returns how far a validation has come.
///
/// All checks are listed from the start: NOT_TRIED, then IN_PROGRESS, then PASSED or FAILED. With `after`, the response
/// comes as soon as the revision is higher than that, or after `wait` seconds. Users who may validate the bucket may read
/// this. A validation is not found five minutes after its end.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/validation/{validationId}",
    tag = "Buckets",
    operation_id = "bucketValidation",
    security(("bearer" = [])),
    params(
        ("bucketId" = String, Path, format = "uuid", description = "The bucket"),
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
    ValidationPath(bucket_id, id): ValidationPath,
    params: Params,
) -> ApiResult<Json<ValidationState>> {
    let (after, wait) = waiting(&params)?;
    let progress = state.control().validation_progress(&caller, id, Some(bucket_id), after, wait).await?;
    Ok(Json(state_of(&progress)))
}
