//! Jobs on the content of buckets, for nodes that serve them.

use std::time::Duration;

use bucketry_model::diagnosis::{Check, Diagnosis};
use bucketry_model::id::OrgId;
use bucketry_model::node_protocol::{Outcome, Task};
use bucketry_model::pinning::BucketPins;

use crate::job_wait::JobEnd;
use crate::{Control, Error, Result};

/// How many nodes are tried, one after the other, while they report that they can't do the job.
const NODES_TRIED: usize = 3;

/// Why no node could do a job.
#[derive(Debug)]
pub(crate) struct BucketJobFailure {
    /// One sentence without secrets.
    pub(crate) reason: String,
    /// The check of a diagnosis that fails for the same reason. `None` if the nodes are the reason.
    check: Option<Box<Check>>,
}

impl BucketJobFailure {
    /// A failure for which neither the bucket's provider nor what was entered for the bucket is the reason.
    pub(crate) fn of_node(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), check: None }
    }

    /// Of the failures of two nodes, the one that is about the bucket, or else the later one.
    fn or(self, later: Self) -> Self {
        if self.check.is_some() && later.check.is_none() { self } else { later }
    }
}

impl From<BucketJobFailure> for Error {
    fn from(failure: BucketJobFailure) -> Self {
        match failure.check {
            Some(check) => Self::ValidationFailed(Diagnosis::new(vec![*check])),
            None => Self::ValidationImpossible(failure.reason),
        }
    }
}

impl Control {
    /// Has a connected node do a job that serves buckets with these pins. The outcome is never [`Outcome::Failed`]. If
    /// several nodes fail, the error is the one that is about the bucket. Dropping the future withdraws the job; a node that
    /// has already fetched it finishes it.
    pub(crate) async fn run_bucket_job(
        &self,
        org_id: OrgId,
        pins: &BucketPins,
        task: Task,
        within: Duration,
    ) -> Result<std::result::Result<Outcome, BucketJobFailure>> {
        let mut failure = BucketJobFailure::of_node(if pins.is_empty() {
            "No node is connected."
        } else {
            "None of the nodes that the bucket is pinned to is connected."
        });
        let nodes = self.connected_nodes(org_id, pins).await?;
        let tried = &nodes[..nodes.len().min(NODES_TRIED)];
        for (node, others_left) in tried.iter().zip((0..tried.len()).rev()) {
            if self.has_left(node.id).await {
                continue;
            }
            let within = within + self.inner.settings.validation_round_trip;
            let Some(mut job) = self.give_job(node.id, task.clone(), within, None).await? else {
                failure = failure.or(BucketJobFailure::of_node("The node has too many jobs."));
                continue;
            };
            match self.outcome_of(&mut job, node.id, within, others_left > 0).await {
                JobEnd::Outcome(Outcome::Failed { reason, check }) => {
                    failure = failure.or(BucketJobFailure { reason, check });
                }
                JobEnd::Outcome(outcome) => return Ok(Ok(outcome)),
                JobEnd::NotDone => {}
                JobEnd::TimedOut => {
                    return Ok(Err(failure.or(BucketJobFailure::of_node("The node didn't answer in time."))));
                }
            }
        }
        Ok(Err(failure))
    }
}
