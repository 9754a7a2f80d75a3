//! Registered buckets: the heart of the registry.

mod change;
mod create;
mod delegation;
mod input;
mod node_statistics;
mod read;
mod selection;
mod statistics;
mod stored_secret;
mod validate;

pub use change::UpdatedBucket;
pub use create::CreatedBucket;
pub use input::BucketInput;
pub use node_statistics::{BucketDays, BucketStates, NodeDayRow, NodeState, NodeStatistics};
pub use read::{BucketView, Generation, NodeStatusView};
pub use selection::BucketSelection;
pub use statistics::{BucketTotals, NodeDayView};
pub use validate::Validated;

use bucketry_model::bucket::Bucket;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::workspaces::{needs, readable};
use crate::{Control, Error, ResourceKind, Result};

/// The most buckets that can be asked for by name at once.
const MOST_IDS: usize = 1_000;

impl Control {
    /// The bucket, if the caller has at least `needed` in its workspace: another organization's doesn't exist, and
    /// one of the own organization that the caller can't enter is forbidden.
    pub(crate) async fn reach_bucket(
        &self,
        caller: &Caller,
        id: BucketId,
        needed: WorkspaceRole,
    ) -> Result<Bucket> {
        let bucket =
            self.inner.store.bucket(caller.org_id, id).await?.ok_or(Error::NotFound(ResourceKind::Bucket))?;
        needs(caller, bucket.workspace_id, needed)?;
        Ok(bucket)
    }

    /// Those of the named buckets that there are or were, in the order they were named, each once; with a workspace,
    /// only those of it. Unknown ones are left out, and one in a workspace that the caller can't enter is forbidden.
    pub(crate) async fn named_buckets(
        &self,
        caller: &Caller,
        ids: &[BucketId],
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<BucketId>> {
        if ids.len() > MOST_IDS {
            return Err(Error::field("bucketId", format!("must name at most {MOST_IDS} buckets")));
        }
        let found = self.inner.store.workspaces_of_buckets(caller.org_id, ids).await?;
        readable(caller, ids, &found.into_iter().collect(), workspace)
    }
}
