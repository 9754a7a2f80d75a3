//! Jobs for nodes, stored so that every control plane on the database can pass them on and receive their results.

use async_trait::async_trait;
use bucketry_model::id::{JobId, NodeId, OrgId};
use jiff::Timestamp;

use crate::Result;

/// A job that is to be passed to its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredJob {
    /// Which job.
    pub id: JobId,
    /// The node that is to do it.
    pub node_id: NodeId,
    /// The task as JSON. Its secrets are sealed.
    pub task: String,
    /// When nobody waits for the outcome any more.
    pub deadline: Timestamp,
    /// `None` if the job is no validation.
    pub validation: Option<ValidationLimit>,
}

/// How many validations an organization may have in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationLimit {
    /// The organization that the job validates a bucket for.
    pub org_id: OrgId,
    /// The maximum, including this job.
    pub at_most: u32,
    /// Validations whose deadline was before this time don't count.
    pub now: Timestamp,
}

/// The outcome of adding a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAdded {
    /// The job was stored.
    Added,
    /// Too many jobs already wait for the node.
    NodeIsBusy,
    /// The organization already has the maximum number of validations in progress.
    TooManyValidations,
}

/// A job that was taken to be passed to its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenJob {
    /// Which job.
    pub id: JobId,
    /// The task as JSON.
    pub task: String,
}

/// What a node has reported about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobReport {
    /// Which job.
    pub id: JobId,
    /// The latest progress as JSON, if there was any.
    pub progress: Option<String>,
    /// The outcome as JSON, if the job has ended.
    pub outcome: Option<String>,
}

/// Stores jobs.
#[async_trait]
pub trait JobStore {
    /// Stores a job, unless `at_most` jobs already wait for the node. Of validations of one organization that are added at
    /// the same time, only as many are stored as it may have.
    async fn add_job(&self, job: &StoredJob, at_most: u32) -> Result<JobAdded>;

    /// How many validations of an organization are in progress, at most `limit`: those that aren't removed, and whose
    /// deadline is after `now`.
    async fn validations_in_progress(&self, org_id: OrgId, now: Timestamp, limit: u32) -> Result<usize>;

    /// The nodes for which jobs wait, at most `limit`.
    async fn nodes_with_jobs(&self, limit: u32) -> Result<Vec<NodeId>>;

    /// Takes the oldest jobs that wait for a node, of those whose deadline is after `since`. Each job is taken once.
    async fn take_jobs(
        &self,
        node_id: NodeId,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<TakenJob>>;

    /// Stores the progress of a job that was taken. Does nothing if the job is another node's, has ended, or is not stored.
    async fn note_job_progress(&self, node_id: NodeId, id: JobId, progress: &str) -> Result<()>;

    /// Stores the first outcome of a job that was taken. Does nothing if the job is another node's or is not stored.
    async fn finish_job(&self, node_id: NodeId, id: JobId, outcome: &str) -> Result<()>;

    /// What nodes have reported about these jobs. Without those about which nothing was reported.
    async fn job_reports(&self, ids: &[JobId]) -> Result<Vec<JobReport>>;

    /// Removes a job. A later result has no effect.
    async fn remove_job(&self, id: JobId) -> Result<()>;

    /// Removes a job that no process has taken for its node. Returns whether there was such a job.
    async fn remove_waiting_job(&self, id: JobId) -> Result<bool>;

    /// Removes jobs whose deadline was before the given time, at most `at_most`. Returns how many.
    async fn purge_jobs(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
