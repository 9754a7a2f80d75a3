//! Jobs that wait for a node to fetch them, and callers of this process that wait for their results.
//!
//! If other control planes use the database, jobs wait there instead (`stored_jobs`), and only the callers are here.
//! `job_wait` says how long callers wait for a node.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bucketry_model::id::{JobId, NodeId, OrgId};
use bucketry_model::node_protocol::{Job, JobProgress, JobResult, Outcome, Task};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::check_progress::ProgressSink;

/// The maximum number of jobs that wait for one node.
pub(crate) const WAITING_AT_MOST: usize = 1_000;

/// The jobs of all nodes.
#[derive(Default)]
pub(crate) struct JobBoard {
    state: Mutex<JobState>,
    news: Notify,
}

#[derive(Default)]
struct JobState {
    waiting: HashMap<NodeId, Vec<Job>>,
    /// Nodes for which jobs may wait in the database.
    stored_for: HashSet<NodeId>,
    given: HashMap<JobId, Pending>,
    validating: HashMap<OrgId, usize>,
}

struct Pending {
    node_id: NodeId,
    answer: oneshot::Sender<Outcome>,
    /// `None` if nobody follows the job.
    progress: Option<Arc<ProgressSink>>,
}

/// A job that a caller waits for. Dropping it withdraws the job, and a later result is ignored.
pub(crate) struct JobTicket {
    board: Arc<JobBoard>,
    id: JobId,
    answer: oneshot::Receiver<Outcome>,
}

impl JobTicket {
    /// The outcome of the job; `None` if the board dropped it.
    pub(crate) async fn outcome(&mut self) -> Option<Outcome> {
        (&mut self.answer).await.ok()
    }

    /// Withdraws the job, unless its node has fetched it from this process. Returns whether the job is withdrawn.
    pub(crate) fn withdraw_unfetched(&self) -> bool {
        self.board.withdraw_unfetched(self.id)
    }
}

impl Drop for JobTicket {
    fn drop(&mut self) {
        self.board.withdraw(self.id);
    }
}

/// Allows one of the validations that an organization may have in progress. Dropping it allows another one.
pub(crate) struct ValidationPermit {
    board: Arc<JobBoard>,
    org_id: OrgId,
}

impl Drop for ValidationPermit {
    fn drop(&mut self) {
        self.board.release_validation(self.org_id);
    }
}

impl JobBoard {
    /// Adds a job for a node. Returns `None` if too many jobs are waiting for it.
    pub(crate) fn put(
        self: &Arc<Self>,
        node_id: NodeId,
        id: JobId,
        task: Task,
        progress: Option<&Arc<ProgressSink>>,
    ) -> Option<JobTicket> {
        {
            let mut state = self.state.lock();
            let waiting = state.waiting.entry(node_id).or_default();
            if waiting.len() >= WAITING_AT_MOST {
                return None;
            }
            waiting.push(Job { id, task });
        }
        let ticket = self.expect(node_id, id, progress);
        self.news.notify_waiters();
        Some(ticket)
    }

    /// Waits for the result of a job that is passed to its node in another way.
    pub(crate) fn expect(
        self: &Arc<Self>,
        node_id: NodeId,
        id: JobId,
        progress: Option<&Arc<ProgressSink>>,
    ) -> JobTicket {
        let (sender, answer) = oneshot::channel();
        let pending = Pending { node_id, answer: sender, progress: progress.cloned() };
        self.state.lock().given.insert(id, pending);
        JobTicket { board: Arc::clone(self), id, answer }
    }

    /// Notes that jobs may wait in the database for these nodes.
    pub(crate) fn note_stored(&self, node_ids: impl IntoIterator<Item = NodeId>) {
        let mut state = self.state.lock();
        let known = state.stored_for.len();
        state.stored_for.extend(node_ids);
        let is_new = state.stored_for.len() > known;
        drop(state);
        if is_new {
            self.news.notify_waiters();
        }
    }

    /// Whether jobs may wait in the database for a node. The caller takes them now, so the answer is given once.
    pub(crate) fn take_stored(&self, node_id: NodeId) -> bool {
        self.state.lock().stored_for.remove(&node_id)
    }

    /// The jobs whose results callers wait for.
    pub(crate) fn expected(&self) -> Vec<JobId> {
        self.state.lock().given.keys().copied().collect()
    }

    /// The node of a job whose result a caller waits for.
    pub(crate) fn node_of(&self, id: JobId) -> Option<NodeId> {
        self.state.lock().given.get(&id).map(|pending| pending.node_id)
    }

    fn withdraw(&self, id: JobId) {
        let mut state = self.state.lock();
        if let Some(pending) = state.given.remove(&id)
            && let Some(waiting) = state.waiting.get_mut(&pending.node_id)
        {
            waiting.retain(|job| job.id != id);
        }
    }

    fn withdraw_unfetched(&self, id: JobId) -> bool {
        let mut state = self.state.lock();
        let Some(node_id) = state.given.get(&id).map(|pending| pending.node_id) else { return false };
        let Some(waiting) = state.waiting.get_mut(&node_id) else { return false };
        let before = waiting.len();
        waiting.retain(|job| job.id != id);
        let is_withdrawn = waiting.len() < before;
        if is_withdrawn {
            state.given.remove(&id);
        }
        is_withdrawn
    }

    /// Takes the jobs that wait for a node.
    pub(crate) fn fetch(&self, node_id: NodeId) -> Vec<Job> {
        self.state.lock().waiting.get_mut(&node_id).map(std::mem::take).unwrap_or_default()
    }

    /// Passes on a report of progress from the node that the job was for. Reports of other nodes, and on jobs that nobody
    /// follows or that have ended, are ignored.
    pub(crate) fn report(&self, node_id: NodeId, progress: JobProgress, now: Timestamp) {
        let state = self.state.lock();
        let pending = state.given.get(&progress.job_id).filter(|pending| pending.node_id == node_id);
        let sink = pending.and_then(|pending| pending.progress.clone());
        drop(state);
        if let Some(sink) = sink {
            sink.report(progress, now);
        }
    }

    /// Delivers a result from the node that the job was for. Results from other nodes or for unknown jobs are
    /// ignored.
    pub(crate) fn complete(&self, node_id: NodeId, result: JobResult) {
        let mut state = self.state.lock();
        if state.given.get(&result.job_id).is_some_and(|pending| pending.node_id == node_id)
            && let Some(pending) = state.given.remove(&result.job_id)
        {
            // The caller may have gone away, and then nobody needs the result.
            drop(pending.answer.send(result.outcome));
        }
    }

    /// Resolves when a job is added after the call.
    pub(crate) fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.news.notified()
    }

    /// Allows a validation of the organization, unless `at_most` are in progress.
    pub(crate) fn permit_validation(
        self: &Arc<Self>,
        org_id: OrgId,
        at_most: usize,
    ) -> Option<ValidationPermit> {
        let mut state = self.state.lock();
        let in_progress = state.validating.entry(org_id).or_default();
        if *in_progress >= at_most {
            return None;
        }
        *in_progress += 1;
        Some(ValidationPermit { board: Arc::clone(self), org_id })
    }

    fn release_validation(&self, org_id: OrgId) {
        let mut state = self.state.lock();
        if let Some(in_progress) = state.validating.get_mut(&org_id) {
            *in_progress -= 1;
            if *in_progress == 0 {
                state.validating.remove(&org_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u8) -> NodeId {
        NodeId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn job(n: u8) -> JobId {
        JobId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    #[tokio::test]
    async fn a_result_reaches_whoever_waits_and_only_from_the_node_that_was_asked() {
        let board = Arc::new(JobBoard::default());
        let mut ticket = board.put(node(1), job(1), Task::NewIdentity, None).unwrap();
        assert!(board.fetch(node(2)).is_empty());
        assert_eq!(board.fetch(node(1)).len(), 1);
        assert!(board.fetch(node(1)).is_empty(), "each job is given once");
        let failed = Outcome::Failed { reason: "forged".into(), check: None };
        board.complete(node(2), JobResult { job_id: job(1), outcome: failed });
        board.complete(node(1), JobResult { job_id: job(1), outcome: Outcome::Done });
        assert_eq!(ticket.outcome().await, Some(Outcome::Done));
    }

    #[test]
    fn a_dropped_ticket_takes_the_job_back() {
        let board = Arc::new(JobBoard::default());
        drop(board.put(node(1), job(1), Task::NewIdentity, None).unwrap());
        assert!(board.fetch(node(1)).is_empty());
        assert!(board.state.lock().given.is_empty());
    }

    #[tokio::test]
    async fn a_job_is_withdrawn_until_its_node_has_fetched_it() {
        let board = Arc::new(JobBoard::default());
        let late = board.put(node(1), job(1), Task::NewIdentity, None).unwrap();
        assert!(late.withdraw_unfetched());
        assert!(board.fetch(node(1)).is_empty() && !late.withdraw_unfetched());
        let mut fetched = board.put(node(1), job(2), Task::NewIdentity, None).unwrap();
        assert_eq!(board.fetch(node(1)).len(), 1);
        assert!(!fetched.withdraw_unfetched());
        board.complete(node(1), JobResult { job_id: job(2), outcome: Outcome::Done });
        assert_eq!(fetched.outcome().await, Some(Outcome::Done));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_stored_job_is_found_by_its_id() {
        let board = Arc::new(JobBoard::default());
        let mut ticket = board.expect(node(1), job(1), None);
        assert_eq!((board.expected(), board.node_of(job(1))), (vec![job(1)], Some(node(1))));
        assert_eq!(board.node_of(job(2)), None);
        assert!(board.fetch(node(1)).is_empty(), "another process may pass it on");
        board.complete(node(1), JobResult { job_id: job(1), outcome: Outcome::Done });
        assert_eq!(ticket.outcome().await, Some(Outcome::Done));
        assert!(board.expected().is_empty());
    }

    #[test]
    fn a_node_with_stored_jobs_is_woken_once() {
        let board = JobBoard::default();
        let mut news = std::pin::pin!(board.news());
        news.as_mut().enable();
        board.note_stored([node(1)]);
        assert!(news.as_mut().enable(), "whoever waits looks");
        assert!(board.take_stored(node(1)) && !board.take_stored(node(1)) && !board.take_stored(node(2)));
    }

    #[test]
    fn validations_of_one_organization_are_bounded() {
        let board = Arc::new(JobBoard::default());
        let org = OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        let first = board.permit_validation(org, 1);
        assert!(first.is_some());
        assert!(board.permit_validation(org, 1).is_none());
        drop(first);
        assert!(board.permit_validation(org, 1).is_some());
    }
}
