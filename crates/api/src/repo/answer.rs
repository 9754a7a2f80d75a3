//! A repository and its keys as the API shows them.

use bucketry_control::repositories::{AttachedBucket, RepositoryView};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId, RepoKeyId, WorkspaceId};
use bucketry_model::repository::{KeyAccess, RepositoryKey, RepositoryMode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::bucket::answer::BucketAnswer;
use crate::schema::{Moment, RepositoryModeSchema, StorageTypeSchema, WorkspaceRoleSchema};

/// A repository: buckets behind one endpoint, opened by its own access keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Repo)]
pub(crate) struct RepoAnswer<'a> {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: RepoId,
    /// What people call it.
    #[schema(value_type = String, example = "Media")]
    name: &'a str,
    /// The protocol that applications speak to it.
    #[schema(value_type = StorageTypeSchema)]
    storage_type: StorageType,
    /// How requests find a bucket.
    #[schema(value_type = RepositoryModeSchema)]
    mode: RepositoryMode,
    /// Its workspace.
    #[schema(value_type = String, format = "uuid")]
    workspace_id: WorkspaceId,
    /// Its buckets, in the order they were given.
    #[schema(inline = false)]
    buckets: Vec<RepoBucketAnswer<'a>>,
    /// Its live access keys, newest first, without their secrets.
    #[schema(inline = false)]
    api_keys: Vec<RepoKeyAnswer<'a>>,
    /// When it was made.
    created_at: Moment,
    /// When a person last changed it.
    updated_at: Moment,
}

/// A bucket's place in a repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoBucket)]
pub(crate) struct RepoBucketAnswer<'a> {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// The folder of the bucket that the repository's objects lie in; empty for the whole bucket.
    #[schema(value_type = String, example = "holidays/2026")]
    folder: &'a str,
    /// Whether it is the one that a MIRROR reads and writes first.
    master: bool,
    /// The bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline = false)]
    bucket: Option<BucketAnswer<'a>>,
}

/// An access key of a repository. Its secret is told once, when it is made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoKey)]
pub(crate) struct RepoKeyAnswer<'a> {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: RepoKeyId,
    /// What people call it.
    #[schema(value_type = String, example = "backup job")]
    name: &'a str,
    /// What it may do.
    #[schema(value_type = WorkspaceRoleSchema)]
    access_type: KeyAccess,
    /// The access key id that clients sign with.
    #[schema(value_type = String, example = "BKTQ7XJ3M2A5V6ZK4LND")]
    key: &'a str,
    /// When it was made.
    created_at: Moment,
    /// When a node last let it in, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Moment>,
}

impl<'a> From<&'a RepositoryView> for RepoAnswer<'a> {
    fn from(view: &'a RepositoryView) -> Self {
        let repository = &view.repository;
        Self {
            id: repository.id,
            name: repository.name.as_str(),
            storage_type: repository.storage_type,
            mode: repository.mode,
            workspace_id: repository.workspace_id,
            buckets: view.buckets.iter().map(RepoBucketAnswer::from).collect(),
            api_keys: view.keys.iter().map(RepoKeyAnswer::from).collect(),
            created_at: Moment(repository.created_at),
            updated_at: Moment(repository.updated_at),
        }
    }
}

impl<'a> From<&'a AttachedBucket> for RepoBucketAnswer<'a> {
    fn from(attached: &'a AttachedBucket) -> Self {
        Self {
            bucket_id: attached.attachment.bucket_id,
            folder: attached.attachment.folder.as_str(),
            master: attached.attachment.master,
            bucket: attached.bucket.as_ref().map(BucketAnswer::from),
        }
    }
}

impl<'a> From<&'a RepositoryKey> for RepoKeyAnswer<'a> {
    fn from(key: &'a RepositoryKey) -> Self {
        Self {
            id: key.id,
            name: key.name.as_str(),
            access_type: key.access,
            key: &key.key,
            created_at: Moment(key.created_at),
            last_used_at: key.last_used_at.map(Moment),
        }
    }
}
