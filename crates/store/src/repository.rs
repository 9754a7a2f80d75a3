//! Repositories: buckets behind one endpoint.

use async_trait::async_trait;
use bucketry_model::attachment::AttachmentRefused;
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, OrgId, RepoId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::{Repository, RepositoryBucket, RepositoryMode};
use bucketry_model::role::Visibility;
use jiff::Timestamp;

use crate::Result;
use crate::bucket::{BucketQuery, ListedBucket, PageStart, StoredSecret};

/// A repository to be made.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Its id.
    pub id: RepoId,
    /// Its organization.
    pub org_id: OrgId,
    /// Its workspace.
    pub workspace_id: WorkspaceId,
    /// Its name.
    pub name: Name,
    /// The protocol that applications speak to it.
    pub storage_type: StorageType,
    /// How requests find a bucket.
    pub mode: RepositoryMode,
    /// Its buckets.
    pub buckets: Vec<RepositoryBucket>,
    /// What its upload ids are sealed with; `None` where there is no node yet that could open it.
    pub sealing_key: Option<StoredSecret>,
}

/// What came of making a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryInserted {
    /// It is there and announced to nodes.
    Inserted,
    /// A live repository of the organization has the name.
    NameTaken,
    /// The organization has as many repositories as it may.
    QuotaExceeded,
    /// The workspace is not a live one of the organization.
    WorkspaceNotFound,
    /// It can't have these buckets.
    Refused(AttachmentRefused),
}

/// A change of a repository: the whole of its new state.
#[derive(Debug, Clone)]
pub struct RepositoryUpdate {
    /// The repository.
    pub id: RepoId,
    /// Its organization.
    pub org_id: OrgId,
    /// The version that the change was made from; another one by then means that somebody was faster.
    pub from_version: i64,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The name.
    pub name: Name,
    /// The protocol that applications speak to it.
    pub storage_type: StorageType,
    /// The mode.
    pub mode: RepositoryMode,
    /// The buckets.
    pub buckets: Vec<RepositoryBucket>,
}

/// What came of changing a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryUpdated {
    /// Done, and announced to nodes.
    Updated,
    /// Another live repository of the organization has the name.
    NameTaken,
    /// The workspace is not a live one of the organization.
    WorkspaceNotFound,
    /// It is gone.
    NotFound,
    /// It was changed in between.
    Conflict,
    /// It can't have these buckets.
    Refused(AttachmentRefused),
}

/// Buckets that a repository might have.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The organization.
    pub org_id: OrgId,
    /// The workspace that the buckets are to be from.
    pub workspace_id: WorkspaceId,
    /// The repository, where there is one already.
    pub repo_id: Option<RepoId>,
    /// The mode.
    pub mode: RepositoryMode,
    /// The buckets.
    pub buckets: Vec<RepositoryBucket>,
}

/// A repository as one of its buckets names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryOfBucket {
    /// Its id.
    pub id: RepoId,
    /// Its name.
    pub name: Name,
    /// The protocol that applications speak to it.
    pub storage_type: StorageType,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which repositories to list.
#[derive(Debug, Clone)]
pub struct RepositoryQuery {
    /// Of this organization.
    pub org_id: OrgId,
    /// In these workspaces.
    pub visible: Visibility,
    /// After this one.
    pub after: Option<PageStart<RepoId>>,
    /// At most so many.
    pub limit: u32,
}

impl NewRepository {
    /// What of it is to be checked against other repositories.
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
    /// What of it is to be checked against other repositories.
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

/// Keeps repositories.
#[async_trait]
pub trait RepositoryStore {
    /// Makes a repository: checks workspace, name, quota and buckets, and announces it to nodes, all in one
    /// transaction.
    async fn insert_repository(&self, new: &NewRepository, now: Timestamp) -> Result<RepositoryInserted>;

    /// Whether a repository could have these buckets, as of now. Stores nothing.
    async fn check_proposal(&self, proposal: &Proposal)
    -> Result<std::result::Result<(), AttachmentRefused>>;

    /// Looks a live repository of the organization up.
    async fn repository(&self, org_id: OrgId, id: RepoId) -> Result<Option<Repository>>;

    /// Whether a live repository of the organization, other than `except`, has the name.
    async fn repository_name_taken(&self, org_id: OrgId, name: &Name, except: Option<RepoId>)
    -> Result<bool>;

    /// Changes a repository and raises its version.
    async fn update_repository(&self, update: &RepositoryUpdate, now: Timestamp)
    -> Result<RepositoryUpdated>;

    /// Removes a repository softly: frees its name, its buckets and its place in the quota, revokes its keys and
    /// destroys their secrets and its own, keeps its statistics, announces it to nodes. Whether there was such a live repository.
    async fn delete_repository(&self, org_id: OrgId, id: RepoId, now: Timestamp) -> Result<bool>;

    /// A page of live repositories that have no sealing key, by id after the given one, with the organization of each.
    async fn repositories_without_sealing_key(
        &self,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<(RepoId, OrgId)>>;

    /// Whether this is a live repository of the organization that has no sealing key.
    async fn lacks_sealing_key(&self, org_id: OrgId, id: RepoId) -> Result<bool>;

    /// Gives a live repository its sealing key, unless it has one, and announces it to nodes. Whether this is the one
    /// that it has now.
    async fn set_sealing_key(
        &self,
        org_id: OrgId,
        id: RepoId,
        key: &StoredSecret,
        now: Timestamp,
    ) -> Result<bool>;

    /// A page of live repositories, newest first, then by id.
    async fn repositories(&self, query: &RepositoryQuery) -> Result<Vec<Repository>>;

    /// Those of the given repositories that are in the organization, with the workspace of each. Deleted ones too: their
    /// statistics are retained, in the workspace that they were last in.
    async fn workspaces_of_repositories(
        &self,
        org_id: OrgId,
        ids: &[RepoId],
    ) -> Result<Vec<(RepoId, WorkspaceId)>>;

    /// The live repositories that hold the given buckets, oldest first for each bucket.
    async fn repositories_of_buckets(
        &self,
        buckets: &[BucketId],
    ) -> Result<Vec<(BucketId, RepositoryOfBucket)>>;

    /// Like [`buckets`](crate::bucket::BucketStore::buckets), without those that a repository of mode MIRROR holds.
    async fn available_buckets(&self, query: &BucketQuery) -> Result<Vec<ListedBucket>>;

    /// Those of the given buckets that are live and in the organization, in no particular order.
    async fn buckets_among(&self, org_id: OrgId, ids: &[BucketId]) -> Result<Vec<ListedBucket>>;

    /// A page of live repositories by id, after the given one, as nodes need them. `org_id` is the organization that
    /// the node serves; none means all.
    async fn node_repositories_after(
        &self,
        org_id: Option<OrgId>,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<NodeRepository>>;

    /// Those of the given repositories that are live and that the node serves.
    async fn node_repositories(&self, org_id: Option<OrgId>, ids: &[RepoId]) -> Result<Vec<NodeRepository>>;
}
