//! What other control planes on the same database do. Each sends signals about what it stores. Signals may be lost, so this
//! process also looks in the database every second.

use std::time::Duration;

use bucketry_store::signal::{Signal, Signals};
use tokio::sync::broadcast;

use crate::{Control, Result};

/// How often to look in the database for what no signal announced.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how many looks old jobs are purged.
const PURGE_AFTER: u32 = 300;
/// The delay before listening again. It doubles with each failure.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// The longest such delay.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Requests that other processes have admitted. Code that limits requests subscribes to them.
pub(crate) struct AdmittedElsewhere(broadcast::Sender<String>);

impl Default for AdmittedElsewhere {
    fn default() -> Self {
        Self(broadcast::channel(256).0)
    }
}

impl AdmittedElsewhere {
    fn heard(&self, requests: String) {
        // Without limits, nobody listens.
        _ = self.0.send(requests);
    }
}

impl Control {
    /// Follows what other control planes on the same database do, until the future is dropped. Returns immediately if none
    /// can use it.
    pub async fn follow_other_processes(&self) {
        if self.inner.settings.shares_database {
            tokio::join!(self.look_for_others(), self.listen_to_others());
        }
    }

    /// Tells other processes about requests that were admitted here, so that their limits apply to all together. If this
    /// fails, they don't learn of these requests.
    pub async fn tell_admitted(&self, requests: Vec<String>) -> Result<()> {
        let signals = requests.into_iter().map(Signal::RequestsAdmitted).collect();
        Ok(self.inner.store.send(signals).await?)
    }

    /// What other processes tell in this way from now on.
    pub fn admitted_elsewhere(&self) -> broadcast::Receiver<String> {
        self.inner.admitted_elsewhere.0.subscribe()
    }

    async fn look_for_others(&self) {
        let mut looks: u32 = 0;
        loop {
            let looked = self.look_for_jobs().await;
            note_failure(looked, "can't look for jobs");
            if looks.is_multiple_of(PURGE_AFTER) {
                note_failure(self.purge_jobs().await, "can't purge jobs");
                note_failure(self.purge_validations().await, "can't purge validations");
            }
            looks = looks.wrapping_add(1);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn listen_to_others(&self) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match self.inner.store.listen().await {
                Ok(None) => return,
                Ok(Some(mut signals)) => {
                    pause = SHORTEST_PAUSE;
                    // What happened while nobody listened. The database may have failed over to a server that lacks the last
                    // changes, and have other ones with their numbers.
                    self.inner.recent_changes.forget();
                    self.inner.changes.notify_waiters();
                    self.inner.callers.forget_all();
                    self.inner.presence.forget_nodes();
                    note_failure(self.look_for_jobs().await, "can't look for jobs");
                    note_failure(
                        self.follow_signals(&mut *signals).await,
                        "can't listen to other control planes",
                    );
                }
                Err(error) => note_failure(Err(error.into()), "can't listen to other control planes"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Returns when signals may have been lost.
    async fn follow_signals(&self, signals: &mut dyn Signals) -> Result<()> {
        loop {
            match signals.next().await? {
                Signal::Changed => self.inner.changes.notify_waiters(),
                Signal::JobAdded(node_id) => self.inner.jobs.note_stored([node_id]),
                Signal::JobReported(job_id) if self.inner.jobs.node_of(job_id).is_some() => {
                    note_failure(self.read_job_reports(&[job_id]).await, "can't read the result of a job");
                }
                Signal::JobReported(_) => {}
                Signal::ValidationMoved(id) => self.inner.validation_news.moved(id),
                Signal::CallersChanged => self.inner.callers.forget_all(),
                Signal::NodesChanged => {
                    self.inner.presence.forget_nodes();
                    // Open pages show which nodes are connected.
                    self.inner.changes.notify_waiters();
                }
                Signal::RequestsAdmitted(requests) => self.inner.admitted_elsewhere.heard(requests),
            }
        }
    }
}

/// Logs a failure. The next look in the database makes up for it, and other parts report that the database is unavailable.
fn note_failure(done: Result<()>, what: &'static str) {
    if let Err(error) = done {
        tracing::debug!(error = &error as &dyn std::error::Error, "{what}");
    }
}
