//! Reports how far validations have come, while they run. The report of the result is in `results`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::diagnosis::{Check, CheckName};
use bucketry_model::id::JobId;
use bucketry_model::node_protocol::{JobProgress, PROGRESS_PER_SECOND, Report};
use bucketry_provider::diagnose::CheckObserver;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::NodeInfo;
use crate::control_plane::ControlPlane;

/// How long changes are collected before a report. A validation that ends sooner is reported only with its result.
const PAUSE: Duration = Duration::from_millis(1_000 / PROGRESS_PER_SECOND as u64);

/// The validations in progress. As many as the node runs at the same time.
#[derive(Default)]
pub(crate) struct RunningValidations {
    running: Mutex<HashMap<JobId, RunningJob>>,
    changed: Notify,
}

struct RunningJob {
    progress: JobProgress,
    is_reported: bool,
}

impl RunningValidations {
    /// Begins to observe a validation.
    pub(crate) fn observe(self: &Arc<Self>, job_id: JobId) -> ObservedJob {
        let progress = JobProgress { job_id, checks: Vec::new(), running: None };
        self.running.lock().insert(job_id, RunningJob { progress, is_reported: true });
        ObservedJob { progress: Arc::clone(self), job_id }
    }

    fn change(&self, job_id: JobId, change: impl FnOnce(&mut JobProgress)) {
        if let Some(job) = self.running.lock().get_mut(&job_id) {
            change(&mut job.progress);
            job.is_reported = false;
        }
        self.changed.notify_one();
    }

    /// What has changed since the last call.
    fn take(&self) -> Vec<JobProgress> {
        let mut running = self.running.lock();
        let changed = running.values_mut().filter(|job| !job.is_reported);
        changed
            .map(|job| {
                job.is_reported = true;
                job.progress.clone()
            })
            .collect()
    }
}

/// A validation that is observed. Dropping it ends the observation.
pub(crate) struct ObservedJob {
    progress: Arc<RunningValidations>,
    job_id: JobId,
}

impl Drop for ObservedJob {
    fn drop(&mut self) {
        self.progress.running.lock().remove(&self.job_id);
    }
}

impl CheckObserver for ObservedJob {
    fn begins(&self, name: CheckName) {
        self.progress.change(self.job_id, |progress| progress.running = Some(name));
    }

    fn ended(&self, check: &Check) {
        self.progress.change(self.job_id, |progress| {
            progress.checks.push(check.clone());
            progress.running = None;
        });
    }
}

/// The state of the task that reports progress.
pub(crate) struct ProgressReports {
    pub(crate) control_plane: Arc<dyn ControlPlane>,
    pub(crate) progress: Arc<RunningValidations>,
    pub(crate) node: NodeInfo,
}

impl ProgressReports {
    /// Reports changes until it is stopped. A report that fails is not repeated: the next one contains everything.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let reporting = async {
            loop {
                self.progress.changed.notified().await;
                sleep(PAUSE).await;
                let progress = self.progress.take();
                if progress.is_empty() {
                    continue;
                }
                let (ip, id_org) = (self.node.name.clone(), self.node.id_org);
                let report = Report { ip, id_org, progress, ..Report::default() };
                if let Err(error) = self.control_plane.report(&report).await {
                    tracing::debug!(%error, "the progress of validations was not reported");
                }
            }
        };
        stop.run_until_cancelled(reporting).await;
    }
}
