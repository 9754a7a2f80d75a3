//! What a failed request for a page means for a walk.

use std::time::Duration;

use bucketry_provider::driver::Site;
use bucketry_provider::error::{ErrorKind, ProviderError};

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Repeat the request, after the time that the provider asks for.
    Retry(Option<Duration>),
    /// The provider rejects the page token, which may have expired: continue without it.
    WithoutToken,
    /// Nothing helps now.
    GiveUp,
}

/// Decides by the error. `had_token` is whether the request contained a page token.
pub(super) fn next_step(error: &ProviderError, had_token: bool) -> NextStep {
    match error.kind() {
        Some(ErrorKind::Throttled | ErrorKind::Internal | ErrorKind::Conflict) => {
            NextStep::Retry(error.answer().and_then(|answer| answer.retry_after))
        }
        Some(ErrorKind::Invalid | ErrorKind::Unsupported) if had_token => NextStep::WithoutToken,
        Some(_) => NextStep::GiveUp,
        None => match error {
            ProviderError::DnsFailed
            | ProviderError::ConnectionRefused
            | ProviderError::ConnectTimeout
            | ProviderError::Unreachable
            | ProviderError::TimedOut
            | ProviderError::BrokenOff
            | ProviderError::TokenService { .. } => NextStep::Retry(None),
            _ => NextStep::GiveUp,
        },
    }
}

/// Describes the failure to the user.
pub(super) fn describe(error: &ProviderError, site: &Site) -> String {
    match error.kind() {
        Some(ErrorKind::AccessDenied) => {
            format!("The bucket can't be listed: {error}. Grant {} to the key.", site.permissions.list)
        }
        _ => format!("The bucket can't be listed: {error}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_pass_are_retried() {
        for error in [ProviderError::TimedOut, ProviderError::BrokenOff, ProviderError::DnsFailed] {
            assert_eq!(next_step(&error, true), NextStep::Retry(None), "{error}");
        }
        let foreign = ProviderError::NotAnObjectStore { status: None };
        assert_eq!(next_step(&foreign, true), NextStep::GiveUp);
    }
}
