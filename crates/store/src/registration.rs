//! The names that buckets have at their providers, in their order.

use async_trait::async_trait;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::time::Day;

use crate::Result;

/// A live bucket by its name at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredName {
    /// The storage type.
    pub storage_type: StorageType,
    /// The name at the provider.
    pub bucket: String,
    /// The id.
    pub id: BucketId,
}

/// Where a page of names begins: after this bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationPosition {
    /// The storage type as it is stored, which may be one that only a newer version knows.
    pub storage_type: String,
    /// The name at the provider.
    pub bucket: String,
    /// The id.
    pub id: BucketId,
}

/// A page of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredNames {
    /// The names, without those of buckets that only a newer version can read.
    pub names: Vec<RegisteredName>,
    /// Where the next page begins. `None` if this was the last one.
    pub next: Option<RegistrationPosition>,
}

/// Walks through the live buckets of an organization.
#[async_trait]
pub trait RegistrationStore {
    /// The live buckets of an organization after `after`, by storage type, name at the provider, and id.
    async fn registered_names(
        &self,
        org_id: OrgId,
        after: Option<&RegistrationPosition>,
        limit: u32,
    ) -> Result<RegisteredNames>;

    /// The last day on which each of the given buckets had traffic. Buckets without traffic are left out.
    async fn last_days_of_use(&self, ids: &[BucketId]) -> Result<Vec<(BucketId, Day)>>;
}
