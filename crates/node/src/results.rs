//! Reports the results of jobs until they are acknowledged or too old to matter.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::node_protocol::{JobResult, Outcome, Report};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::config::NodeInfo;
use crate::control_plane::{ControlPlane, ControlPlaneError, MAX_CONTENT_BYTES};
use crate::jitter::Jitter;
use crate::registration::Registration;

/// Nobody waits longer for a result.
const TOO_OLD: Duration = Duration::from_mins(5);
/// How many results may wait. The oldest are dropped first.
const MAX_WAITING: usize = 2_048;
/// How long the last report may take while the node stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Results on their way to the control plane.
#[derive(Default)]
pub(crate) struct Results {
    waiting: Mutex<VecDeque<Waiting>>,
    added: Notify,
}

struct Waiting {
    result: JobResult,
    bytes: usize,
    since: Instant,
}

impl Results {
    /// Adds a result.
    pub(crate) fn add(&self, result: JobResult) {
        let (result, bytes) = fitting(result);
        let mut waiting = self.waiting.lock();
        waiting.push_back(Waiting { result, bytes, since: Instant::now() });
        if waiting.len() > MAX_WAITING {
            waiting.pop_front();
        }
        drop(waiting);
        self.added.notify_one();
    }

    /// The oldest results, as many as fit one message. Drops those that are too old.
    fn next_batch(&self) -> Vec<JobResult> {
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        waiting.retain(|waiting| waiting.since.elapsed() < TOO_OLD);
        if waiting.len() < before {
            tracing::warn!(
                results = before - waiting.len(),
                "dropped results that couldn't be reported in time"
            );
        }
        let mut bytes = 0;
        let fits = |waiting: &&Waiting| {
            bytes += waiting.bytes;
            bytes <= MAX_CONTENT_BYTES
        };
        waiting.iter().take_while(fits).map(|waiting| waiting.result.clone()).collect()
    }

    fn confirm(&self, batch: &[JobResult]) {
        self.waiting
            .lock()
            .retain(|waiting| !batch.iter().any(|result| result.job_id == waiting.result.job_id));
    }
}

/// Returns the result with its size in bytes. A result that would never fit a message becomes a failure.
fn fitting(result: JobResult) -> (JobResult, usize) {
    let bytes = serde_json::to_vec(&result).map_or(usize::MAX, |text| text.len());
    if bytes <= MAX_CONTENT_BYTES {
        return (result, bytes);
    }
    let reason = "the result is larger than a message may be; ask for less at a time".to_owned();
    (JobResult { outcome: Outcome::Failed { reason, check: None }, ..result }, 512)
}

/// The state of the task that reports results.
pub(crate) struct ResultReports {
    pub(crate) control_plane: Arc<dyn ControlPlane>,
    pub(crate) registration: Arc<Registration>,
    pub(crate) results: Arc<Results>,
    pub(crate) node: NodeInfo,
}

impl ResultReports {
    /// Reports results until it is stopped, then tries once more.
    pub(crate) async fn run(self, jitter: Jitter, stop: CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(15), jitter);
        let reporting = async {
            loop {
                self.registration.wait().await;
                match self.send_all().await {
                    Ok(()) => {
                        backoff.reset();
                        self.results.added.notified().await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "can't report results of jobs yet");
                        if error.needs_registration() {
                            self.registration.invalidate();
                        }
                        sleep(backoff.after_failure()).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(reporting).await;
        _ = tokio::time::timeout(FAREWELL, self.send_all()).await;
    }

    async fn send_all(&self) -> Result<(), ControlPlaneError> {
        loop {
            let results = self.results.next_batch();
            if results.is_empty() {
                return Ok(());
            }
            let report =
                Report { ip: self.node.name.clone(), id_org: self.node.id_org, results, ..Report::default() };
            match self.control_plane.report(&report).await {
                Ok(()) => {}
                Err(ControlPlaneError::Refused { message, .. }) => {
                    tracing::error!(
                        error = message,
                        "the control plane rejected results of jobs; they are lost"
                    );
                }
                Err(error) => return Err(error),
            }
            self.results.confirm(&report.results);
        }
    }
}
