//! Registered buckets: the heart of the registry.

mod change;
mod create;
mod delegation;
mod input;
mod read;
mod statistics;
mod validate;

pub use change::UpdatedBucket;
pub use create::CreatedBucket;
pub use input::BucketInput;
pub use read::{BucketView, Generation, NodeStatusView};
pub use statistics::{BucketTotals, NodeDayView};
pub use validate::Validated;

use bucketry_model::bucket::Bucket;
use bucketry_model::id::BucketId;
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::workspaces::needs;
use crate::{Control, Error, Result, Thing};

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
            self.inner.store.bucket(caller.org_id, id).await?.ok_or(Error::NotFound(Thing::Bucket))?;
        needs(caller, bucket.workspace_id, needed)?;
        Ok(bucket)
    }
}
