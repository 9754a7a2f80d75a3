//! Other registrations of the same bucket. They are allowed: with another credential, or in another workspace.

use bucketry_model::bucket::BucketLocation;
use bucketry_model::id::BucketId;
use bucketry_model::name::Name;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_model::same_bucket::is_same_bucket;

use crate::access::needs;
use crate::{Control, Result};

/// How many other registrations a response names.
const NAMED: usize = 10;

/// Another registration of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherRegistration {
    /// Its id.
    pub id: BucketId,
    /// Its name in the registry.
    pub name: Name,
}

impl Control {
    /// The other registrations of the bucket `id` that the caller may see, oldest first.
    pub(super) async fn other_registrations(
        &self,
        caller: &Caller,
        id: BucketId,
        location: &BucketLocation,
    ) -> Result<Vec<OtherRegistration>> {
        let named =
            self.inner.store.buckets_named(caller.org_id, location.storage_type, &location.bucket).await?;
        let is_other = |other: &bucketry_store::bucket::SharingBucket| {
            other.id != id
                && needs(caller, other.workspace_id, WorkspaceRole::Read).is_ok()
                && is_same_bucket(&other.location, location)
        };
        let others = named.into_iter().filter(is_other).take(NAMED);
        Ok(others.map(|other| OtherRegistration { id: other.id, name: other.name }).collect())
    }
}
