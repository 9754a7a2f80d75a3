//! Registered buckets. Each use case passes the role that it needs to `Control::reach_bucket`, or to `Control::enter`
//! of the workspace if the bucket doesn't exist yet.

mod change;
mod check;
mod clean_uploads;
mod create;
mod credential_fields;
mod delegated_identity;
mod delegation;
mod delete;
mod diagnosis;
mod history;
mod input;
mod nearest_nodes;
mod node_hours;
mod node_statistics;
mod pasted;
mod pins;
mod read;
mod row_statistics;
mod same_bucket;
mod search;
mod selection;
mod statistics;
mod stored_secret;
mod validate;

pub use change::UpdatedBucket;
pub use clean_uploads::CleanedUploads;
pub use create::CreatedBucket;
pub use diagnosis::DiagnosisView;
pub use history::{BucketOutages, EventFilter, EventView};
pub use input::BucketInput;
pub use node_hours::{BucketHours, HourSelection, MOST_BUCKETS_OF_HOURS, NodeHourRows};
pub use node_statistics::{BucketDays, BucketStates, NodeDayRow, NodeState, NodeStatistics};
pub use pins::PinsInput;
pub use read::{BucketView, Generation, NodeStatusView};
pub use same_bucket::OtherRegistration;
pub use search::{BucketListInput, FoundPage};
pub use selection::BucketSelection;
pub use statistics::{BucketTotals, NodeDayView};
pub use validate::Validated;

use bucketry_model::bucket::Bucket;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::access::{log_resource, needs, readable};
use crate::{Control, Error, ResourceKind, Result};

/// The maximum number of buckets that a request can name.
const MOST_IDS: usize = 1_000;

impl Control {
    /// Returns the bucket if the caller has at least `needed` in its workspace. A bucket of another organization is
    /// not found; one of the caller's organization without access is forbidden.
    pub(crate) async fn reach_bucket(
        &self,
        caller: &Caller,
        id: BucketId,
        needed: WorkspaceRole,
    ) -> Result<Bucket> {
        let bucket =
            self.inner.store.bucket(caller.org_id, id).await?.ok_or(Error::NotFound(ResourceKind::Bucket))?;
        log_resource(id, bucket.name.as_str());
        needs(caller, bucket.workspace_id, needed)?;
        Ok(bucket)
    }

    /// Returns the named buckets that exist or existed, without repetitions and in the order named. With a
    /// workspace, only those in it. Unknown ids are left out; a bucket in a workspace that the caller can't access
    /// is forbidden.
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
