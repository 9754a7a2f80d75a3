//! Jobs on the content of buckets, for nodes that serve them.

use std::time::Duration;

use bucketry_model::id::{JobId, OrgId};
use bucketry_model::node_protocol::{Outcome, Task};

use crate::{Control, Result};

/// How many nodes are tried, one after the other, while they report that they can't do the job.
const NODES_TRIED: usize = 3;

impl Control {
    /// Has a connected node do a job. The inner error is one sentence: why no node could. Dropping the future withdraws the
    /// job; a node that has already fetched it finishes it.
    pub(crate) async fn run_bucket_job(
        &self,
        org_id: OrgId,
        task: Task,
        within: Duration,
    ) -> Result<std::result::Result<Outcome, String>> {
        let mut failure = "No node is connected.".to_owned();
        for node in self.connected_nodes(org_id).await?.iter().take(NODES_TRIED) {
            let job_id = self.inner.environment.id(JobId::new)?;
            let Some(mut ticket) = self.inner.jobs.put(node.id, job_id, task.clone()) else {
                "The node has too many jobs.".clone_into(&mut failure);
                continue;
            };
            let within = within + self.inner.settings.validation_round_trip;
            match tokio::time::timeout(within, ticket.outcome()).await {
                Ok(Some(Outcome::Failed { reason })) => failure = reason,
                Ok(Some(outcome)) => return Ok(Ok(outcome)),
                Ok(None) | Err(_) => return Ok(Err("The node didn't answer in time.".to_owned())),
            }
        }
        Ok(Err(failure))
    }
}
