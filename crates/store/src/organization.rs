//! Organizations: the tenants.

use async_trait::async_trait;
use bucketry_model::id::OrgId;
use bucketry_model::name::Name;
use jiff::Timestamp;

use crate::Result;
use crate::user::NewUser;
use crate::workspace::NewWorkspace;

/// An organization.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: Name,
    /// How many live buckets it may have; no number means any.
    pub bucket_quota: Option<u64>,
    /// How many live buckets it has.
    pub bucket_count: u64,
    /// How many live repositories it may have; no number means any.
    pub repo_quota: Option<u64>,
    /// How many live repositories it has.
    pub repo_count: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An organization to be made, with its first user (an OWNER) and first workspace (the user its ADMIN).
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: Name,
    /// How many live buckets it may have.
    pub bucket_quota: Option<u64>,
    /// How many live repositories it may have.
    pub repo_quota: Option<u64>,
    /// Its first user.
    pub owner: NewUser,
    /// Its first workspace.
    pub workspace: NewWorkspace,
}

/// What came of making an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationInserted {
    /// It exists now, with owner and workspace.
    Inserted,
    /// Some user already has the owner's e-mail address; nothing was stored.
    EmailTaken,
}

/// Keeps organizations.
#[async_trait]
pub trait OrganizationStore {
    /// Makes an organization with its owner and first workspace.
    async fn insert_organization(
        &self,
        new: &NewOrganization,
        now: Timestamp,
    ) -> Result<OrganizationInserted>;

    /// Looks one up.
    async fn organization(&self, id: OrgId) -> Result<Option<Organization>>;

    /// At most `limit` organizations, oldest first: enough to tell none, the only one and several apart.
    async fn organizations(&self, limit: u32) -> Result<Vec<Organization>>;

    /// The external id that the organization's AWS roles must ask for. Where it has none yet, `new` becomes it. `None`
    /// where there is no such organization.
    async fn aws_external_id(&self, id: OrgId, new: &str) -> Result<Option<String>>;

    /// Sets how many live buckets an organization may have. Whether it existed.
    async fn set_bucket_quota(&self, id: OrgId, quota: Option<u64>) -> Result<bool>;

    /// Sets how many live repositories an organization may have. Whether it existed.
    async fn set_repo_quota(&self, id: OrgId, quota: Option<u64>) -> Result<bool>;
}
