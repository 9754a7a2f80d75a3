//! Waiting for the outcome of a job, and giving up early on a node that won't do it.

use std::time::Duration;

use bucketry_model::id::NodeId;
use bucketry_model::node::Node;
use bucketry_model::node_processes::NodeProcesses;
use bucketry_model::node_protocol::Outcome;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::Control;
use crate::stored_jobs::GivenJob;

/// How often to look whether the node has left. A process caches the nodes for a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A connected node fetches a job at once. If another node can do the job, it gets it after this time: long enough for a long,
/// lossy line.
const FETCHED_WITHIN: Duration = Duration::from_secs(3);
/// A node that leaves reports what it has done before. A job that it fetched is lost if there is no outcome after this time.
const LAST_REPORTS: Duration = Duration::from_secs(3);

/// How waiting for the outcome of a job ended.
#[derive(Debug)]
pub(crate) enum JobEnd {
    /// The node has done the job, or reports that it can't.
    Outcome(Outcome),
    /// The node has left or doesn't fetch jobs. Another node may do the job.
    NotDone,
    /// There was no outcome in time.
    TimedOut,
}

impl Control {
    /// Waits at most `within` for the outcome of a job. `has_another` says whether another node could do it.
    pub(crate) async fn outcome_of(
        &self,
        job: &mut GivenJob,
        node_id: NodeId,
        within: Duration,
        has_another: bool,
    ) -> JobEnd {
        let given_at = Instant::now();
        let deadline = given_at + within;
        let (mut is_fetched, mut left_at) = (false, None);
        let last_stop = self.last_stop(node_id).await;
        loop {
            tokio::select! {
                biased;
                outcome = job.outcome() => return outcome.map_or(JobEnd::TimedOut, JobEnd::Outcome),
                () = sleep_until(deadline.min(Instant::now() + LOOK_EVERY)) => {}
            }
            let now = Instant::now();
            if now >= deadline {
                return JobEnd::TimedOut;
            }
            // If one of the node's processes stops and another one stays or starts, it isn't known which of them has fetched the
            // job. Another node may then do it a second time; without one, the caller waits for the process that runs.
            let is_gone = self.has_left(node_id).await
                || has_another && is_another_stop(self.last_stop(node_id).await, last_stop);
            left_at = if is_gone { left_at.or(Some(now)) } else { None };
            let is_slow = has_another && now.duration_since(given_at) >= FETCHED_WITHIN;
            if !is_fetched && (left_at.is_some() || is_slow) {
                match job.withdraw_unfetched().await {
                    Ok(true) => return JobEnd::NotDone,
                    Ok(false) => is_fetched = true,
                    // The database can't be reached. The node may do the job all the same.
                    Err(_) => {}
                }
            }
            if left_at.is_some_and(|left| now.duration_since(left) >= LAST_REPORTS) {
                return JobEnd::NotDone;
            }
        }
    }

    /// Whether a node has said that it stops, or is no longer registered, as far as that is known.
    pub(crate) async fn has_left(&self, id: NodeId) -> bool {
        let Ok(nodes) = self.known_nodes().await else { return false };
        nodes.iter().find(|node| node.id == id).is_none_or(Node::is_leaving)
    }

    /// When one of several processes of a node last said that it stops, as far as that is known.
    async fn last_stop(&self, id: NodeId) -> Option<Timestamp> {
        let nodes = self.known_nodes().await.ok()?;
        let node = nodes.iter().find(|node| node.id == id)?;
        node.last_heartbeat.as_ref()?.processes.as_ref().and_then(NodeProcesses::stopped_at)
    }
}

/// Whether there was another stop since. Not the later of two times, because they may come from the clocks of different control
/// planes.
fn is_another_stop(stop: Option<Timestamp>, known: Option<Timestamp>) -> bool {
    stop.is_some() && stop != known
}
