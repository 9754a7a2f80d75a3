//! The representation of a repository and its keys in responses.

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::moment::Moment;
use bucketry_control::repositories::{AttachedBucket, RepositoryView};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId, RepoKeyId, WorkspaceId};
use bucketry_model::repository::{KeyAccess, RepositoryKey, RepositoryMode};
use bucketry_model::role::WorkspaceRole;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bucket::answer::bucket_info;

/// A repository: buckets behind one endpoint, with their own access keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Repo)]
pub(crate) struct RepoAnswer<'a> {
    /// The repository's id.
    #[schema(value_type = String, format = "uuid")]
    id: RepoId,
    /// The display name.
    #[schema(value_type = String, example = "Media")]
    name: &'a str,
    /// The protocol that applications use.
    storage_type: StorageType,
    /// How requests select a bucket.
    mode: RepositoryMode,
    /// The workspace that the repository belongs to.
    #[schema(value_type = String, format = "uuid")]
    workspace_id: WorkspaceId,
    /// The attached buckets, in the order in which they were given.
    #[schema(inline = false)]
    buckets: Vec<RepoBucketAnswer<'a>>,
    /// The valid access keys, newest first, without their secrets.
    #[schema(inline = false)]
    api_keys: Vec<RepoKeyAnswer<'a>>,
    /// When the repository was created.
    created_at: Moment,
    /// When a user last changed the repository.
    updated_at: Moment,
}

/// A bucket that is attached to a repository.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoBucket)]
pub(crate) struct RepoBucketAnswer<'a> {
    /// The bucket's id.
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// The folder of the bucket that contains the repository's objects; empty for the whole bucket.
    #[schema(value_type = String, example = "holidays/2026")]
    folder: &'a str,
    /// Whether a repository of mode MIRROR reads and writes this bucket first.
    master: bool,
    /// The bucket. Absent if it was deleted while the repository was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline = false)]
    bucket: Option<BucketInfo<'a>>,
}

/// An access key of a repository. Its secret is returned only when it is created.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RepoKey)]
pub(crate) struct RepoKeyAnswer<'a> {
    /// The id of the key in this API.
    #[schema(value_type = String, format = "uuid")]
    id: RepoKeyId,
    /// The display name.
    #[schema(value_type = String, example = "backup job")]
    name: &'a str,
    /// What the key may do: READ reads and lists objects, WRITE also stores and deletes them, ADMIN also changes
    /// the bucket itself where the gateway offers that.
    #[schema(value_type = WorkspaceRole)]
    access_type: KeyAccess,
    /// The access key id that clients sign with.
    #[schema(value_type = String, example = "BKTQ7XJ3M2A5V6ZK4LND")]
    key: &'a str,
    /// When the key was created.
    created_at: Moment,
    /// When a node last accepted the key, to the minute. Absent if the key is unused.
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
            bucket: attached.bucket.as_ref().map(bucket_info),
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
