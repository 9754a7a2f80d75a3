//! The cheap check that a node runs on every bucket at regular intervals: is the bucket available?
//!
//! A probe is a HEAD on the bucket. The response to a failed HEAD doesn't give a reason, and a key that is scoped
//! to a prefix may be denied HEAD and still be able to list. So after any denial, and after any 4xx response
//! without a reason, the probe lists one key. If that succeeds, the bucket is up. If not, the error document says
//! why. A healthy bucket costs one request, and a denied HEAD alone never counts as healthy.

use std::time::Duration;

use bucketry_model::status::ProbeFailure;
use tokio::time::{Instant, timeout};

use crate::check_finding::{Action, CheckFinding};
use crate::driver::{Driver, ListRequest};
use crate::error::{ErrorKind, ProviderError};

/// The result of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The duration of the request that decided the outcome.
    pub latency: Duration,
    /// `Ok` if the bucket is available.
    pub outcome: Result<(), ProbeFailure>,
}

/// Checks within `deadline` whether a bucket is available. Dropping the future cancels the probe and leaves nothing
/// behind.
pub async fn probe(driver: &dyn Driver, deadline: Duration) -> Probe {
    let start = Instant::now();
    let asked = timeout(deadline, ask(driver)).await;
    let (latency, outcome) = match asked {
        Ok(answer) => answer,
        Err(_) => (start.elapsed(), Err(ProviderError::TimedOut)),
    };
    let failure = |error| {
        let finding = CheckFinding::of(&error, Action::List, &driver.site());
        ProbeFailure { code: finding.code, message: finding.message }
    };
    Probe { latency, outcome: outcome.map_err(failure) }
}

async fn ask(driver: &dyn Driver) -> (Duration, Result<(), ProviderError>) {
    let start = Instant::now();
    match driver.head_bucket().await {
        Err(error) if lacks_a_reason(&error) => {
            let start = Instant::now();
            let listed = driver.list(&first_key()).await;
            (start.elapsed(), listed.map(drop))
        }
        outcome => (start.elapsed(), outcome),
    }
}

/// Requests the smallest possible list: one key.
pub(crate) fn first_key() -> ListRequest {
    ListRequest { max_keys: Some(1), ..ListRequest::default() }
}

fn lacks_a_reason(error: &ProviderError) -> bool {
    error.answer().is_some_and(|answer| {
        let unexplained = answer.code.is_none() || answer.kind == ErrorKind::AccessDenied;
        unexplained && answer.status.is_client_error() && answer.kind != ErrorKind::Throttled
    })
}
