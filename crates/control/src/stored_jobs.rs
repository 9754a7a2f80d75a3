//! Jobs for nodes that may be connected to another control plane.
//!
//! If several control planes use the database, a job waits there. The one with which its node synchronises takes it, and
//! stores what the node reports, unless the caller that waits for the result is its own. The caller's control plane removes
//! the job as soon as nobody waits for it. A job that was taken by a control plane that then dies is not given again,
//! because the node may be doing it: the caller waits until the deadline.

use std::sync::Arc;
use std::time::Duration;

use bucketry_model::diagnosis::CheckName;
use bucketry_model::id::{JobId, NodeId, OrgId};
use bucketry_model::node_protocol::{Job, JobProgress, JobResult, Outcome, Task};
use bucketry_model::time::ACCEPTED_SKEW;
use bucketry_store::job::{JobAdded, JobReport, StoredJob, TakenJob, ValidationLimit};
use jiff::{SignedDuration, Timestamp};

use crate::check_progress::ProgressSink;
use crate::jobs::{JobTicket, WAITING_AT_MOST};
use crate::{Control, Error, Result};

/// How many jobs a node is given at once.
const GIVEN_AT_ONCE: u32 = 50;
/// How many nodes with waiting jobs are looked for.
const NODES_AT_ONCE: u32 = 10_000;
/// How many jobs are purged at once.
const PURGED_AT_ONCE: u32 = 1_000;

/// A job that a caller waits for. Dropping it withdraws the job, and a later result is ignored.
pub(crate) struct GivenJob {
    ticket: JobTicket,
    /// `None` if the job is only in this process's memory.
    row: Option<JobRow>,
}

impl GivenJob {
    /// The outcome of the job; `None` if there will be none.
    pub(crate) async fn outcome(&mut self) -> Option<Outcome> {
        self.ticket.outcome().await
    }

    /// Withdraws the job, unless its node has fetched it. Returns whether the job is withdrawn.
    pub(crate) async fn withdraw_unfetched(&mut self) -> Result<bool> {
        let Some(row) = &mut self.row else { return Ok(self.ticket.withdraw_unfetched()) };
        row.is_removed = row.control.inner.store.remove_waiting_job(row.id).await?;
        Ok(row.is_removed)
    }

    /// Removes the job. Unlike dropping it, this waits until it no longer counts among those that are in progress.
    pub(crate) async fn end(self) {
        if let Some(mut row) = self.row.filter(|row| !row.is_removed) {
            row.is_removed = remove(&row.control, row.id).await;
        }
    }
}

/// Removes a job from the database when it is dropped.
struct JobRow {
    control: Control,
    id: JobId,
    is_removed: bool,
}

impl Drop for JobRow {
    fn drop(&mut self) {
        if self.is_removed {
            return;
        }
        // Without a runtime, the process ends. The job is purged after its deadline.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (control, id) = (self.control.clone(), self.id);
        runtime.spawn(async move { remove(&control, id).await });
    }
}

/// Removes a job from the database. Returns whether that succeeded.
async fn remove(control: &Control, id: JobId) -> bool {
    let removed = control.inner.store.remove_job(id).await;
    if let Err(error) = &removed {
        let error = error as &dyn std::error::Error;
        tracing::debug!(error, job_id = %id, "the job is removed later, after its deadline");
    }
    removed.is_ok()
}

impl Control {
    /// Has a node do a job, whichever control plane it is connected to. Returns `None` if too many jobs wait for the node. A
    /// validation is refused if its organization has too many in progress, at all control planes together.
    ///
    /// The caller waits at most `within` for the outcome.
    pub(crate) async fn give_job(
        &self,
        node_id: NodeId,
        task: Task,
        within: Duration,
        progress: Option<&Arc<ProgressSink>>,
    ) -> Result<Option<GivenJob>> {
        let id = self.inner.environment.id(JobId::new)?;
        if !self.inner.settings.shares_database {
            let ticket = self.inner.jobs.put(node_id, id, task, progress);
            return Ok(ticket.map(|ticket| GivenJob { ticket, row: None }));
        }
        let now = self.inner.environment.now();
        let validation = match &task {
            Task::Validate(validation) => Some(self.validation_limit(validation.org_id, now)),
            _ => None,
        };
        let task = serde_json::to_string(&task).map_err(Error::internal)?;
        let deadline = now + SignedDuration::try_from(within).map_err(Error::internal)?;
        let ticket = self.inner.jobs.expect(node_id, id, progress);
        let row = JobRow { control: self.clone(), id, is_removed: false };
        let at_most = u32::try_from(WAITING_AT_MOST).unwrap_or(u32::MAX);
        let job = StoredJob { id, node_id, task, deadline, validation };
        match self.inner.store.add_job(&job, at_most).await? {
            JobAdded::Added => {}
            JobAdded::NodeIsBusy => return Ok(None),
            JobAdded::TooManyValidations => return Err(self.too_many_validations()),
        }
        self.inner.jobs.note_stored([node_id]);
        Ok(Some(GivenJob { ticket, row: Some(row) }))
    }

    fn validation_limit(&self, org_id: OrgId, now: Timestamp) -> ValidationLimit {
        let at_most = u32::try_from(self.inner.settings.validations_at_once).unwrap_or(u32::MAX);
        ValidationLimit { org_id, at_most, now }
    }

    fn too_many_validations(&self) -> Error {
        Error::TooManyValidations(self.inner.settings.validations_at_once)
    }

    /// Refuses a validation that would have to be refused by [`Control::give_job`], because of those at other control planes.
    pub(crate) async fn check_validations_elsewhere(&self, org_id: OrgId) -> Result<()> {
        if !self.inner.settings.shares_database {
            return Ok(());
        }
        let limit = self.validation_limit(org_id, self.inner.environment.now());
        let in_progress = self.inner.store.validations_in_progress(org_id, limit.now, limit.at_most).await?;
        if in_progress < self.inner.settings.validations_at_once {
            Ok(())
        } else {
            Err(self.too_many_validations())
        }
    }

    /// Takes the jobs that wait for a node.
    pub(crate) async fn jobs_for(&self, node_id: NodeId) -> Result<Vec<Job>> {
        let mut jobs = self.inner.jobs.fetch(node_id);
        if !self.inner.jobs.take_stored(node_id) {
            return Ok(jobs);
        }
        let now = self.inner.environment.now();
        // The clock of the control plane that set the deadline may be another one.
        let since = now - ACCEPTED_SKEW;
        let taken = self.inner.store.take_jobs(node_id, since, now, GIVEN_AT_ONCE).await;
        if taken.as_ref().map_or(true, |taken| taken.len() >= GIVEN_AT_ONCE as usize) {
            self.inner.jobs.note_stored([node_id]);
        }
        for TakenJob { id, task } in taken? {
            match serde_json::from_str(&task) {
                Ok(Task::Unknown) | Err(_) => {
                    let reason = "The node is connected to a control plane of an older version, which doesn't know this job.";
                    let outcome = Outcome::Failed { reason: reason.to_owned(), check: None };
                    self.take_job_result(node_id, JobResult { job_id: id, outcome }).await?;
                }
                Ok(task) => jobs.push(Job { id, task }),
            }
        }
        Ok(jobs)
    }

    /// Passes on a report of progress to the caller that follows the job. Reports of other nodes than the job's are ignored.
    pub(crate) async fn take_job_progress(
        &self,
        node_id: NodeId,
        progress: JobProgress,
        now: Timestamp,
    ) -> Result<()> {
        let is_elsewhere = self.inner.jobs.node_of(progress.job_id).is_none();
        if !is_elsewhere {
            self.inner.jobs.report(node_id, progress, now);
        } else if self.inner.settings.shares_database && progress.checks.len() <= CheckName::ALL.len() {
            let text = serde_json::to_string(&progress).map_err(Error::internal)?;
            self.inner.store.note_job_progress(node_id, progress.job_id, &text).await?;
        }
        Ok(())
    }

    /// Passes on a result to the caller that waits for it. Results of other nodes than the job's are ignored.
    pub(crate) async fn take_job_result(&self, node_id: NodeId, result: JobResult) -> Result<()> {
        let is_elsewhere = self.inner.jobs.node_of(result.job_id).is_none();
        if !is_elsewhere {
            self.inner.jobs.complete(node_id, result);
        } else if self.inner.settings.shares_database {
            let text = serde_json::to_string(&result.outcome).map_err(Error::internal)?;
            self.inner.store.finish_job(node_id, result.job_id, &text).await?;
        }
        Ok(())
    }

    /// Looks for jobs that wait for nodes, and for the results of jobs that callers of this process wait for.
    pub(crate) async fn look_for_jobs(&self) -> Result<()> {
        self.inner.jobs.note_stored(self.inner.store.nodes_with_jobs(NODES_AT_ONCE).await?);
        self.read_job_reports(&self.inner.jobs.expected()).await
    }

    /// Passes on what other processes stored about these jobs to the callers of this process.
    pub(crate) async fn read_job_reports(&self, ids: &[JobId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let now = self.inner.environment.now();
        for JobReport { id, progress, outcome } in self.inner.store.job_reports(ids).await? {
            // The database took it only from the job's node.
            let Some(node_id) = self.inner.jobs.node_of(id) else { continue };
            if let Some(progress) = progress.and_then(|text| serde_json::from_str::<JobProgress>(&text).ok())
            {
                self.inner.jobs.report(node_id, JobProgress { job_id: id, ..progress }, now);
            }
            if let Some(text) = outcome {
                let outcome = serde_json::from_str(&text).unwrap_or_else(|_| Outcome::Failed {
                    reason: "Another control plane has a newer version, whose result can't be read."
                        .to_owned(),
                    check: None,
                });
                self.inner.jobs.complete(node_id, JobResult { job_id: id, outcome });
            }
        }
        Ok(())
    }

    /// Removes jobs whose callers died before they could.
    pub(crate) async fn purge_jobs(&self) -> Result<()> {
        let before = self.inner.environment.now() - ACCEPTED_SKEW;
        while self.inner.store.purge_jobs(before, PURGED_AT_ONCE).await? >= u64::from(PURGED_AT_ONCE) {}
        Ok(())
    }
}
