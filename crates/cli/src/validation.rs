//! `bucketry bucket validate`: prints each check as soon as it has ended.

use bucketry_api_types::bucket_fields::TrialFields;
use bucketry_api_types::validation::{CheckLine, ValidationState};
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::diagnosis::Check;
use bucketry_model::id::BucketId;
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
    let validation = match client.begin_validation(id, fields).await {
        Ok(validation) => validation,
        Err(ClientError::Refused(refusal)) if matches!(refusal.status, 404 | 405) => {
            return Ok(Followed::Unsupported);
        }
        Err(error) => return Err(error.into()),
    };
    let (mut after, mut printed) = (None, 0);
    loop {
        let state = client.validation(id, validation, after).await?;
        let ended: Vec<Check> = state.checks.iter().filter_map(CheckLine::check).collect();
        for check in ended.iter().skip(printed) {
            output::sentence(&check_text(check))?;
        }
        printed = printed.max(ended.len());
        if state.done {
            return outcome(state, &ended);
        }
        after = Some(state.revision);
    }
}

fn outcome(state: ValidationState, ended: &[Check]) -> Result<Followed> {
    if let Some(failure) = state.failure {
        return Err(Failure::failed(failure.message));
    }
    output::sentence(&summary(ended))?;
    match state.status {
        Some(Status::Online) => Ok(Followed::Passed),
        _ => Err(Failure::failed("the bucket does not work with these settings, because a check failed")),
    }
}
