//! Registered buckets: the heart of the registry.

mod change;
mod create;
mod delegation;
mod input;
mod read;
mod statistics;
mod stored_secret;
mod validate;

pub use change::UpdatedBucket;
pub use create::CreatedBucket;
pub use input::BucketInput;
pub use read::{BucketView, Generation, NodeStatusView};
pub use statistics::{BucketTotals, NodeDayView};
pub use validate::Validated;

use std::collections::HashMap;

use bucketry_model::bucket::Bucket;
use bucketry_model::id::BucketId;
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::workspaces::needs;
use crate::{Control, Error, Result, Thing};

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
            self.inner.store.bucket(caller.org_id, id).await?.ok_or(Error::NotFound(Thing::Bucket))?;
        needs(caller, bucket.workspace_id, needed)?;
        Ok(bucket)
    }

    /// Whether the caller has at least `needed` in the workspaces of all these buckets, by the same rules.
    pub(crate) async fn reach_buckets(
        &self,
        caller: &Caller,
        ids: &[BucketId],
        needed: WorkspaceRole,
    ) -> Result<()> {
        if ids.len() > MOST_IDS {
            return Err(Error::field("bucketId", format!("must name at most {MOST_IDS} buckets")));
        }
        let places: HashMap<_, _> =
            self.inner.store.workspaces_of_buckets(caller.org_id, ids).await?.into_iter().collect();
        for id in ids {
            let workspace = places.get(id).ok_or(Error::NotFound(Thing::Bucket))?;
            needs(caller, *workspace, needed)?;
        }
        Ok(())
    }
}
