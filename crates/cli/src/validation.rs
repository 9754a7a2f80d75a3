//! `bucketry bucket validate` and `bucketry bucket add`: print each check as soon as it has ended.

use bucketry_api_types::bucket_fields::{NewBucketRequest, TrialFields};
use bucketry_api_types::validation::{CheckLine, ValidationState};
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::diagnosis::Check;
use bucketry_model::id::{BucketId, ValidationId};
use bucketry_model::status::Status;

use crate::checks::{check_text, summary};
use crate::failure::{Failure, Result};
use crate::output;

/// Whether the server could report progress.
pub(crate) enum Followed {
    /// Every check passed, and all were printed.
    Passed,
    /// The server has no such call, because it is of an older version.
    Unsupported,
}

/// Validates a bucket and prints its checks. Fails if one of them does, after all were printed.
pub(crate) async fn follow(client: &ApiClient, id: BucketId, fields: &TrialFields) -> Result<Followed> {
    let Some(validation) = begun(client.begin_validation(id, fields).await)? else {
        return Ok(Followed::Unsupported);
    };
    let (state, ended) = print_checks(async |after| client.validation(id, validation, after).await).await?;
    if let Some(failure) = state.failure {
        return Err(Failure::failed(failure.message));
    }
    output::sentence(&summary(&ended))?;
    match state.status {
        Some(Status::Online) => Ok(Followed::Passed),
        _ => Err(Failure::failed("the bucket does not work with these settings, because a check failed")),
    }
}

/// Registers a bucket and prints its checks. Fails if one of them does, after all were printed.
///
/// `None` if the bucket has to be registered by the call that waits for the end: the server is of an older version, or
/// refuses the bucket without a check, and that call says in full why.
pub(crate) async fn follow_registration(
    client: &ApiClient,
    new: &NewBucketRequest,
) -> Result<Option<ValidationState>> {
    let Some(validation) = begun(client.begin_registration(new).await)? else { return Ok(None) };
    let (state, ended) = print_checks(async |after| client.registration(validation, after).await).await?;
    if let Some(failure) = state.failure {
        return if ended.is_empty() { Ok(None) } else { Err(Failure::failed(failure.message)) };
    }
    output::sentence(&summary(&ended))?;
    match state.bucket_id {
        Some(_) => Ok(Some(state)),
        None => Err(Failure::failed("the bucket was not registered, because a check failed")),
    }
}

/// `None` if the server has no such call.
fn begun(answer: std::result::Result<ValidationId, ClientError>) -> Result<Option<ValidationId>> {
    match answer {
        Ok(validation) => Ok(Some(validation)),
        Err(ClientError::Refused(refusal)) if matches!(refusal.status, 404 | 405) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Prints checks as they end. Returns the state at the end, and all checks that were made.
async fn print_checks(
    progress: impl AsyncFn(Option<u64>) -> std::result::Result<ValidationState, ClientError>,
) -> Result<(ValidationState, Vec<Check>)> {
    let (mut after, mut printed) = (None, 0);
    loop {
        let state = progress(after).await?;
        let ended: Vec<Check> = state.checks.iter().filter_map(CheckLine::check).collect();
        for check in ended.iter().skip(printed) {
            output::sentence(&check_text(check))?;
        }
        printed = printed.max(ended.len());
        if state.done {
            return Ok((state, ended));
        }
        after = Some(state.revision);
    }
}
