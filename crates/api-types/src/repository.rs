//! Repositories.

use std::borrow::Cow;

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use bucketry_model::repository::RepositoryMode;
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::bucket::BucketInfo;
use crate::count::Count;
use crate::moment::Moment;
use crate::repository_key::RepoKey;

/// A repository: buckets behind one endpoint, with their own access keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Repo<'a> {
    /// The repository's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: RepoId,
    /// The display name.
    #[cfg_attr(feature = "openapi", schema(example = "Media"))]
    pub name: Cow<'a, str>,
    /// The protocol that applications use.
    pub storage_type: StorageType,
    /// How requests select a bucket.
    pub mode: RepositoryMode,
    /// The workspace that the repository belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub workspace_id: WorkspaceId,
    /// The worst status of its buckets: OFFLINE if any is, otherwise DISCONNECTED if any is. Absent if it has no
    /// buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The attached buckets, in the order in which they were given.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub buckets: Vec<RepoBucket<'a>>,
    /// The valid access keys, newest first, without their secrets.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub api_keys: Vec<RepoKey<'a>>,
    /// When the repository was created.
    pub created_at: Moment,
    /// When a user last changed the repository.
    pub updated_at: Moment,
}

/// A bucket that is attached to a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoBucket<'a> {
    /// The bucket's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub bucket_id: BucketId,
    /// The folder of the bucket that contains the repository's objects; empty for the whole bucket.
    #[cfg_attr(feature = "openapi", schema(example = "holidays/2026"))]
    pub folder: Cow<'a, str>,
    /// Whether a repository of mode MIRROR reads and writes this bucket first.
    pub master: bool,
    /// The bucket. Absent if it was deleted while the repository was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub bucket: Option<BucketInfo<'a>>,
}

/// A list of repositories.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepoList<'a> {
    /// Always true.
    pub success: bool,
    /// The repositories: newest first, or in the requested order.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub repos: Vec<Repo<'a>>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A repository to create.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewRepo {
    /// The display name. Unique in the organization, ignoring case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(required, value_type = String, min_length = 1, max_length = 255, example = "Media")
    )]
    pub name: Option<String>,
    /// The protocol that applications use. Only S3 is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = StorageType))]
    pub storage_type: Option<StorageType>,
    /// How requests select a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = RepositoryMode))]
    pub mode: Option<String>,
    /// The workspace that the repository and all its buckets belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = "uuid"))]
    pub workspace_id: Option<String>,
    /// The buckets to attach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub repo_buckets: Option<Vec<BucketPlace>>,
    /// The buckets to attach, under the old name. Ignored if `repoBuckets` is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100, deprecated))]
    pub repo_units: Option<Vec<BucketPlace>>,
}

/// Changes to a repository. Absent fields stay unchanged; a list of buckets replaces the stored one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoChanges {
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "Media"))]
    pub name: Option<String>,
    /// The protocol that applications use. Only S3 is supported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_type: Option<StorageType>,
    /// How requests select a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<RepositoryMode>))]
    pub mode: Option<String>,
    /// The workspace to move the repository to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub workspace_id: Option<String>,
    /// All buckets of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub repo_buckets: Option<Vec<BucketPlace>>,
    /// All buckets of the repository, under the old name. Ignored if `repoBuckets` is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100, deprecated))]
    pub repo_units: Option<Vec<BucketPlace>>,
}

/// A repository to check before it is created.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoProposal {
    /// The display name. Checked only if it is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "Media"))]
    pub name: Option<String>,
    /// How requests select a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = RepositoryMode))]
    pub mode: Option<String>,
    /// The workspace. If it is left out, that of the first bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    pub workspace_id: Option<String>,
    /// The buckets to attach.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    pub repo_buckets: Option<Vec<BucketPlace>>,
    /// The buckets to attach, under the old name. Ignored if `repoBuckets` is present.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_items = 100, deprecated))]
    pub repo_units: Option<Vec<BucketPlace>>,
}

/// A bucket to attach to a repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BucketPlace {
    /// The bucket's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = "uuid"))]
    pub bucket_id: Option<String>,
    /// The bucket's id, under its old name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(format = "uuid", deprecated))]
    pub unit_id: Option<String>,
    /// The folder of the bucket for the repository's objects. If it is left out, they use the whole bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 255, example = "holidays/2026"))]
    pub folder: Option<String>,
    /// Whether a repository of mode MIRROR reads and writes this bucket first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<bool>,
}

/// The result of creating or changing a repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoStored {
    /// Always true.
    pub success: bool,
    /// The repository's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub repo_id: RepoId,
    /// A remark on the repository, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A repository's traffic of all time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RepoTotals {
    /// The repository's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub repo_id: RepoId,
    /// Bytes that clients sent.
    pub total_upload_bytes: Count,
    /// Bytes that clients received.
    pub total_download_bytes: Count,
    /// Net change of the stored size, in bytes.
    pub total_size_change: Count,
}

/// Traffic of all time by repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepoTotalsList {
    /// Always true.
    pub success: bool,
    /// One entry per repository: newest repository first, or in the requested order.
    #[cfg_attr(feature = "openapi", schema(inline = false))]
    pub stats: Vec<RepoTotals>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
