//! Repositories: buckets behind one endpoint.

use async_trait::async_trait;
use bucketry_model::attachment::AttachmentRefused;
use bucketry_model::audit::AuditEntry;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::{Repository, RepositoryBucket, RepositoryMode};
use bucketry_model::role::Visibility;
use jiff::Timestamp;

use crate::Result;
use crate::bucket::{BucketQuery, ListedBucket, PageStart, StoredSecret};
use crate::sync::ReadForNode;

/// A repository to create.
#[expect(missing_docs, reason = "the other fields are columns of the repository's row")]
#[derive(Debug, Clone)]
pub struct NewRepository {
    pub id: RepoId,
    pub org_id: OrgId,
    pub workspace_id: WorkspaceId,
    pub name: Name,
    /// The protocol that applications use with the repository.
    pub storage_type: StorageType,
    /// How requests are routed to a bucket.
    pub mode: RepositoryMode,
    /// The buckets in their order, each with its folder.
    pub buckets: Vec<RepositoryBucket>,
    /// The key that seals upload ids and continuation tokens. `None` while there is no node that could open it.
    pub sealing_key: Option<StoredSecret>,
}

/// The outcome of creating a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryInserted {
    /// Created, with a change event for nodes.
    Inserted,
    /// A live repository of the organization has this name.
    NameTaken,
    /// The organization has reached its repository quota.
    QuotaExceeded,
    /// The workspace doesn't exist in the organization, or was removed.
    WorkspaceNotFound,
    /// The repository can't contain these buckets.
    Refused(AttachmentRefused),
}

/// A change to a repository: its complete new state.
#[expect(missing_docs, reason = "the other fields are columns of the repository's row")]
#[derive(Debug, Clone)]
pub struct RepositoryUpdate {
    pub id: RepoId,
    pub org_id: OrgId,
    /// The version that the change is based on. If the stored version differs, somebody else changed the repository
    /// first.
    pub from_version: i64,
    pub workspace_id: WorkspaceId,
    pub name: Name,
    /// The protocol that applications use with the repository.
    pub storage_type: StorageType,
    /// How requests are routed to a bucket.
    pub mode: RepositoryMode,
    /// The buckets in their order, each with its folder.
    pub buckets: Vec<RepositoryBucket>,
}

/// The outcome of changing a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryUpdated {
    /// Changed, with a change event for nodes.
    Updated,
    /// Another live repository of the organization has this name.
    NameTaken,
    /// The workspace doesn't exist in the organization, or was removed.
    WorkspaceNotFound,
    /// The repository doesn't exist, or was removed.
    NotFound,
    /// The repository was changed in the meantime.
    Conflict,
    /// The repository can't contain these buckets.
    Refused(AttachmentRefused),
}

/// Buckets that a repository could contain.
#[expect(missing_docs, reason = "the other fields are columns of the repository's row")]
#[derive(Debug, Clone)]
pub struct Proposal {
    pub org_id: OrgId,
    /// The workspace that all buckets must belong to.
    pub workspace_id: WorkspaceId,
    /// The repository. `None` if it is yet to be created.
    pub repo_id: Option<RepoId>,
    pub mode: RepositoryMode,
    pub buckets: Vec<RepositoryBucket>,
}

/// A repository as it is listed with one of its buckets.
#[expect(missing_docs, reason = "the other fields are columns of the repository's row")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryOfBucket {
    pub id: RepoId,
    pub name: Name,
    /// The protocol that applications use with the repository.
    pub storage_type: StorageType,
    pub created_at: Timestamp,
}

/// Which repositories to list.
#[derive(Debug, Clone)]
pub struct RepositoryQuery {
    /// The organization whose repositories are listed.
    pub org_id: OrgId,
    /// The workspaces whose repositories are listed.
    pub visible: Visibility,
    /// The end of the previous page. `None` for the first page.
    pub after: Option<PageStart<RepoId>>,
    /// The largest number of repositories to return.
    pub limit: u32,
}

impl NewRepository {
    /// The part that has to be checked against other repositories.
    pub(crate) fn proposal(&self) -> Proposal {
        Proposal {
            org_id: self.org_id,
            workspace_id: self.workspace_id,
            repo_id: None,
            mode: self.mode,
            buckets: self.buckets.clone(),
        }
    }
}

impl RepositoryUpdate {
    /// The part that has to be checked against other repositories.
    pub(crate) fn proposal(&self) -> Proposal {
        Proposal {
            org_id: self.org_id,
            workspace_id: self.workspace_id,
            repo_id: Some(self.id),
            mode: self.mode,
            buckets: self.buckets.clone(),
        }
    }
}

/// Stores repositories.
#[async_trait]
pub trait RepositoryStore {
    /// Creates a repository. Checks workspace, name, quota and buckets, and stores the repository and its change
    /// event in one transaction.
    async fn insert_repository(&self, new: &NewRepository, audit: &AuditEntry) -> Result<RepositoryInserted>;

    /// Checks whether a repository could contain these buckets at the moment. Stores nothing.
    async fn check_proposal(&self, proposal: &Proposal)
    -> Result<std::result::Result<(), AttachmentRefused>>;

    /// Returns a live repository of the organization.
    async fn repository(&self, org_id: OrgId, id: RepoId) -> Result<Option<Repository>>;

    /// Whether a live repository of the organization, other than `except`, has this name.
    async fn repository_name_taken(&self, org_id: OrgId, name: &Name, except: Option<RepoId>)
    -> Result<bool>;

    /// Changes a repository and raises its version.
    async fn update_repository(
        &self,
        update: &RepositoryUpdate,
        audit: &AuditEntry,
    ) -> Result<RepositoryUpdated>;

    /// Soft-deletes a repository: frees its name, its buckets and its place in the quota, revokes its keys, deletes
    /// all its secrets, retains its statistics, and stores a change event. Returns whether there was such a live
    /// repository.
    async fn delete_repository(&self, org_id: OrgId, id: RepoId, audit: &AuditEntry) -> Result<bool>;

    /// A page of live repositories without a sealing key, by id after the given one, with the organization of each.
    async fn repositories_without_sealing_key(
        &self,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<(RepoId, OrgId)>>;

    /// Whether this is a live repository of the organization without a sealing key.
    async fn lacks_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<bool>;

    /// Sets the sealing key of a live repository that has none, and stores a change event. Returns whether the key
    /// was set.
    async fn set_sealing_key(
        &self,
        org_id: OrgId,
        id: RepoId,
        key: &StoredSecret,
        now: Timestamp,
    ) -> Result<bool>;

    /// A page of live repositories, newest first, then by id.
    async fn repositories(&self, query: &RepositoryQuery) -> Result<Vec<Repository>>;

    /// The workspace of each of the given repositories that belong to the organization. Includes removed
    /// repositories, whose statistics are retained in their last workspace.
    async fn workspaces_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, WorkspaceId)>>;

    /// The live repositories that contain the given buckets, oldest first per bucket.
    async fn repositories_of_buckets(
        &self,
        buckets: &[BucketId],
    ) -> Result<Vec<(BucketId, RepositoryOfBucket)>>;

    /// Like [`buckets`](crate::bucket::BucketStore::buckets), without buckets that a repository of mode MIRROR
    /// contains.
    async fn available_buckets(&self, query: &BucketQuery) -> Result<Vec<ListedBucket>>;

    /// The given buckets that are live and belong to the organization, in no particular order.
    async fn buckets_among(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<ListedBucket>>;

    /// A page of live repositories by id, after the given one, in the form that nodes need. `org_id` is the
    /// organization that the node serves, `None` means all.
    async fn node_repositories_after(
        &self,
        org_id: Option<OrgId>,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<NodeRepository>>;

    /// The given repositories that are live and that the node serves.
    async fn node_repositories(
        &self,
        org_id: Option<OrgId>,
        ids: &[RepoId],
    ) -> Result<ReadForNode<NodeRepository, RepoId>>;
}
