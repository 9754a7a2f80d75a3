//! Access keys of repositories.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, RepoId, RepoKeyId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::repository::{KeyAccess, RepositoryKey};
use jiff::Timestamp;

use crate::Result;
use crate::bucket::StoredSecret;

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewRepositoryKey {
    /// Its id.
    pub id: RepoKeyId,
    /// Its organization.
    pub org_id: OrgId,
    /// The repository that it opens.
    pub repo_id: RepoId,
    /// Its name.
    pub name: Name,
    /// What it may do.
    pub access: KeyAccess,
    /// The access key id that clients sign with.
    pub key: String,
    /// The secret that they sign with.
    pub secret: StoredSecret,
}

/// What came of making a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInserted {
    /// It is there and announced to nodes.
    Inserted,
    /// The repository is gone.
    RepositoryNotFound,
    /// The repository has as many live keys as it may.
    TooMany,
}

/// Keeps keys. Every change of one raises its repository's version and announces the repository to nodes.
#[async_trait]
pub trait RepositoryKeyStore {
    /// Makes a key, unless its repository has `at_most` live ones already.
    async fn insert_repository_key(
        &self,
        new: &NewRepositoryKey,
        at_most: u32,
        now: Timestamp,
    ) -> Result<KeyInserted>;

    /// The live keys of the given repositories, newest first for each repository.
    async fn repository_keys(&self, repositories: &[RepoId]) -> Result<Vec<RepositoryKey>>;

    /// Changes what a live key is called and what it may do. Whether there was such a key.
    async fn update_repository_key(
        &self,
        org_id: OrgId,
        repo_id: RepoId,
        id: RepoKeyId,
        name: &Name,
        access: KeyAccess,
        now: Timestamp,
    ) -> Result<bool>;

    /// Revokes a key and destroys its secret. Whether there was such a live key.
    async fn revoke_repository_key(
        &self,
        org_id: OrgId,
        repo_id: RepoId,
        id: RepoKeyId,
        now: Timestamp,
    ) -> Result<bool>;

    /// Notes when keys were used, where that is later than what is known (a use further ahead than clocks may differ is not
    /// known). Keys that the node doesn't serve are passed
    /// over: `org_id` is the organization that it serves; none means all.
    async fn note_key_uses(&self, org_id: Option<OrgId>, uses: &[KeyUse], now: Timestamp) -> Result<()>;
}
