//! Access keys of repositories.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, RepoId, RepoKeyId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::repository::{KeyAccess, RepositoryKey};
use jiff::Timestamp;

use crate::Result;
use crate::bucket::StoredSecret;

/// A key to create.
#[expect(missing_docs, reason = "the other fields are columns of the key's row")]
#[derive(Debug, Clone)]
pub struct NewRepositoryKey {
    pub id: RepoKeyId,
    pub org_id: OrgId,
    /// The repository that the key gives access to.
    pub repo_id: RepoId,
    pub name: Name,
    /// What the key permits.
    pub access: KeyAccess,
    /// The access key id with which clients sign.
    pub key: String,
    /// The secret key with which clients sign.
    pub secret: StoredSecret,
}

/// The outcome of creating a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInserted {
    /// Created, with a change event for nodes.
    Inserted,
    /// The repository doesn't exist, or was removed.
    RepositoryNotFound,
    /// The repository has reached its limit of live keys.
    TooMany,
}

/// A key with what it belongs to, for the audit.
#[expect(missing_docs, reason = "the other fields are columns of the key's row")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    pub id: RepoKeyId,
    pub org_id: OrgId,
    /// The workspace of the key's repository.
    pub workspace_id: WorkspaceId,
    pub name: String,
    pub access_key: String,
}

/// Stores keys. Every change to a key raises its repository's version and stores a change event for the repository.
#[async_trait]
pub trait RepositoryKeyStore {
    /// Creates a key, unless its repository already has `at_most` live keys.
    async fn insert_repository_key(
        &self,
        new: &NewRepositoryKey,
        at_most: u32,
        audit: &AuditEntry,
    ) -> Result<KeyInserted>;

    /// The live keys of the given repositories, newest first per repository.
    async fn repository_keys(&self, repositories: &[RepoId]) -> Result<Vec<RepositoryKey>>;

    /// What the given keys belong to, including revoked ones. Keys that the node doesn't serve are left out: `org_id`
    /// is the organization that it serves, `None` means all.
    async fn key_owners(&self, org_id: Option<OrgId>, ids: &[RepoKeyId]) -> Result<Vec<KeyOwner>>;

    /// Changes the name and the access level of a live key. Returns whether there was such a key.
    async fn update_repository_key(
        &self,
        org_id: OrgId,
        repo_id: RepoId,
        id: RepoKeyId,
        name: &Name,
        access: KeyAccess,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// Revokes a key and deletes its secret. Returns whether there was such a live key.
    async fn revoke_repository_key(
        &self,
        org_id: OrgId,
        repo_id: RepoId,
        id: RepoKeyId,
        audit: &AuditEntry,
    ) -> Result<bool>;

    /// Records when keys were used, unless a later use is stored already. A stored use further ahead than clocks
    /// may differ counts as absent. Keys that the node doesn't serve are skipped: `org_id` is the organization that
    /// it serves, `None` means all.
    async fn note_key_uses(&self, org_id: Option<OrgId>, uses: &[KeyUse], now: Timestamp) -> Result<()>;
}
