//! The cheap question that a node asks of every bucket all the time: is it there?
//!
//! It is a HEAD on the bucket. A HEAD's refusal carries no reason, and a key that is scoped to objects under a prefix
//! may be refused it and still list. So any denial, and any refusal (4xx) without a reason, is followed by a list of one key: if that
//! is granted the bucket is up, else its error document tells why it isn't. A healthy bucket costs one request, and
//! a refused HEAD alone never reads as healthy.

use std::time::Duration;

use bucketry_model::status::ProbeFailure;
use tokio::time::{Instant, timeout};

use crate::driver::{Driver, ListRequest};
use crate::error::{ErrorKind, ProviderError};
use crate::finding::{Action, Finding};

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// How long the request took that decided.
    pub latency: Duration,
    /// Whether the bucket is there.
    pub outcome: Result<(), ProbeFailure>,
}

/// Asks whether a bucket is there, for at most `deadline`. Dropping the future gives the question up; nothing is
/// left behind.
pub async fn probe(driver: &dyn Driver, deadline: Duration) -> Probe {
    let start = Instant::now();
    let asked = timeout(deadline, ask(driver)).await;
    let (latency, outcome) = match asked {
        Ok(answer) => answer,
        Err(_) => (start.elapsed(), Err(ProviderError::TimedOut)),
    };
    let failure = |error| {
        let finding = Finding::of(&error, Action::List, &driver.site());
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

/// The smallest list.
pub(crate) fn first_key() -> ListRequest {
    ListRequest { max_keys: Some(1), ..ListRequest::default() }
}

fn lacks_a_reason(error: &ProviderError) -> bool {
    error.answer().is_some_and(|answer| {
        let unexplained = answer.code.is_none() || answer.kind == ErrorKind::AccessDenied;
        unexplained && answer.status.is_client_error() && answer.kind != ErrorKind::Throttled
    })
}
