//! Explains a list of multipart uploads that failed, as the check of a diagnosis that fails for the same reason.

use std::time::Duration;

use bucketry_model::diagnosis::{Check, CheckName};

use super::proves_nothing;
use crate::check_finding::{Action, CheckFinding};
use crate::driver::Driver;
use crate::error::{ErrorKind, ProviderError};

/// Explains why the multipart uploads of a bucket can't be listed. Where a diagnosis fails too, the code, the message and
/// the hint are the same.
pub fn explain_unlisted_uploads(driver: &dyn Driver, error: &ProviderError, took: Duration) -> Check {
    let foreign;
    let error = if proves_nothing(error) {
        foreign = ProviderError::NotAnObjectStore { status: error.answer().map(|answer| answer.status) };
        &foreign
    } else {
        error
    };
    let CheckFinding { code, message, hint } = CheckFinding::of(error, Action::ListUploads, &driver.site());
    Check {
        name: failed_check(error),
        ok: false,
        latency_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        message,
        error_code: Some(code),
        hint,
    }
}

/// The check of a diagnosis that reports this error.
fn failed_check(error: &ProviderError) -> CheckName {
    match error {
        ProviderError::Blocked(_) | ProviderError::DnsFailed => CheckName::Dns,
        ProviderError::ConnectionRefused | ProviderError::ConnectTimeout | ProviderError::Unreachable => {
            CheckName::Connect
        }
        ProviderError::Tls(_) => CheckName::Tls,
        _ => match error.kind() {
            Some(ErrorKind::AccessDenied) => CheckName::List,
            Some(ErrorKind::BucketNotFound | ErrorKind::NotFound | ErrorKind::WrongRegion) => {
                CheckName::Bucket
            }
            _ => CheckName::Authenticate,
        },
    }
}
