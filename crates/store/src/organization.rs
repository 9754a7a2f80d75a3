//! Organizations, which are the tenants.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::OrgId;
use bucketry_model::name::Name;
use jiff::Timestamp;

use crate::Result;
use crate::user::NewUser;
use crate::workspace::NewWorkspace;

/// An organization.
#[expect(missing_docs, reason = "the other fields are columns of the organization's row")]
#[derive(Debug, Clone)]
pub struct Organization {
    pub id: OrgId,
    pub name: Name,
    /// The largest number of live buckets. `None` for no limit.
    pub bucket_quota: Option<u64>,
    /// The number of live buckets.
    pub bucket_count: u64,
    /// The largest number of live repositories. `None` for no limit.
    pub repo_quota: Option<u64>,
    /// The number of live repositories.
    pub repo_count: u64,
    pub created_at: Timestamp,
}

/// An organization to create, with its first user (an OWNER) and its first workspace (in which that user is ADMIN).
#[expect(missing_docs, reason = "the other fields are columns of the organization's row")]
#[derive(Debug, Clone)]
pub struct NewOrganization {
    pub id: OrgId,
    pub name: Name,
    /// The largest number of live buckets. `None` for no limit.
    pub bucket_quota: Option<u64>,
    /// The largest number of live repositories. `None` for no limit.
    pub repo_quota: Option<u64>,
    /// The first user.
    pub owner: NewUser,
    /// The first workspace.
    pub workspace: NewWorkspace,
}

/// The outcome of creating an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationInserted {
    /// Created, with owner and workspace.
    Inserted,
    /// A user already has the owner's e-mail address. Nothing was stored.
    EmailTaken,
}

/// Stores organizations.
#[async_trait]
pub trait OrganizationStore {
    /// Creates an organization with its owner and its first workspace.
    async fn insert_organization(
        &self,
        new: &NewOrganization,
        audit: &AuditEntry,
    ) -> Result<OrganizationInserted>;

    /// Returns an organization, if it exists.
    async fn organization(&self, id: OrgId) -> Result<Option<Organization>>;

    /// At most `limit` organizations, oldest first. A limit of 2 shows whether there is none, exactly one, or
    /// several.
    async fn organizations(&self, limit: u32) -> Result<Vec<Organization>>;

    /// The external id that the organization's AWS roles must require. Stores `new` as the id if there is none yet.
    /// `None` if the organization doesn't exist.
    async fn aws_external_id(&self, id: OrgId, new: &str) -> Result<Option<String>>;

    /// Sets the quota of live buckets. `None` for no limit. Returns whether the organization exists.
    async fn set_bucket_quota(&self, id: OrgId, quota: Option<u64>) -> Result<bool>;

    /// Sets the quota of live repositories. `None` for no limit. Returns whether the organization exists.
    async fn set_repo_quota(&self, id: OrgId, quota: Option<u64>) -> Result<bool>;
}
