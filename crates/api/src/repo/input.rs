//! Request bodies about repositories. Every field is optional here, so that `control` can report all missing ones
//! at once.

use bucketry_control::ids::is_absent;
use bucketry_control::repositories::{RepositoryBucketInput, RepositoryInput};
use bucketry_model::bucket::StorageType;
use bucketry_model::repository::RepositoryMode;
use serde::Deserialize;
use utoipa::ToSchema;

/// A bucket to attach to a repository.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketPlace {
    /// The bucket's id.
    #[schema(required, value_type = String, format = "uuid")]
    bucket_id: Option<String>,
    /// The bucket's id, under its old name.
    #[schema(value_type = Option<String>, format = "uuid", deprecated)]
    unit_id: Option<String>,
    /// The folder of the bucket for the repository's objects. If it is left out, they use the whole bucket.
    #[schema(max_length = 255, example = "holidays/2026")]
    folder: Option<String>,
    /// Whether a repository of mode MIRROR reads and writes this bucket first.
    master: Option<bool>,
}

impl From<BucketPlace> for RepositoryBucketInput {
    fn from(attachment: BucketPlace) -> Self {
        let bucket_id = attachment.bucket_id.filter(|text| !is_absent(text)).or(attachment.unit_id);
        Self { bucket_id, folder: attachment.folder, master: attachment.master }
    }
}

fn attachments(
    new: Option<Vec<BucketPlace>>,
    old: Option<Vec<BucketPlace>>,
) -> Option<Vec<RepositoryBucketInput>> {
    Some(new.or(old)?.into_iter().map(RepositoryBucketInput::from).collect())
}

/// A repository to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewRepo {
    /// The display name. Unique in the organization, ignoring case.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "Media")]
    name: Option<String>,
    /// The protocol that applications use. Only S3 is supported.
    #[schema(required, value_type = StorageType)]
    storage_type: Option<StorageType>,
    /// How requests select a bucket.
    #[schema(required, value_type = RepositoryMode)]
    mode: Option<String>,
    /// The workspace that the repository and all its buckets belong to.
    #[schema(required, value_type = String, format = "uuid")]
    workspace_id: Option<String>,
    /// The buckets to attach.
    #[schema(max_items = 100)]
    repo_buckets: Option<Vec<BucketPlace>>,
    /// The buckets to attach, under the old name. Ignored if `repoBuckets` is present.
    #[schema(max_items = 100, deprecated)]
    repo_units: Option<Vec<BucketPlace>>,
}

impl From<NewRepo> for RepositoryInput {
    fn from(new: NewRepo) -> Self {
        Self {
            name: new.name,
            storage_type: new.storage_type,
            mode: new.mode,
            workspace_id: new.workspace_id,
            buckets: attachments(new.repo_buckets, new.repo_units),
        }
    }
}

/// Changes to a repository. Absent fields stay unchanged; a list of buckets replaces the stored one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepoChanges {
    /// The display name.
    #[schema(min_length = 1, max_length = 255, example = "Media")]
    name: Option<String>,
    /// The protocol that applications use. Only S3 is supported.
    storage_type: Option<StorageType>,
    /// How requests select a bucket.
    #[schema(value_type = Option<RepositoryMode>)]
    mode: Option<String>,
    /// The workspace to move the repository to.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<String>,
    /// All buckets of the repository.
    #[schema(max_items = 100)]
    repo_buckets: Option<Vec<BucketPlace>>,
    /// All buckets of the repository, under the old name. Ignored if `repoBuckets` is present.
    #[schema(max_items = 100, deprecated)]
    repo_units: Option<Vec<BucketPlace>>,
}

impl From<RepoChanges> for RepositoryInput {
    fn from(changes: RepoChanges) -> Self {
        Self {
            name: changes.name,
            storage_type: changes.storage_type,
            mode: changes.mode,
            workspace_id: changes.workspace_id,
            buckets: attachments(changes.repo_buckets, changes.repo_units),
        }
    }
}

/// A repository to check before it is created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepoProposal {
    /// The display name. Checked only if it is present.
    #[schema(min_length = 1, max_length = 255, example = "Media")]
    name: Option<String>,
    /// How requests select a bucket.
    #[schema(required, value_type = RepositoryMode)]
    mode: Option<String>,
    /// The workspace. If it is left out, that of the first bucket.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<String>,
    /// The buckets to attach.
    #[schema(max_items = 100)]
    repo_buckets: Option<Vec<BucketPlace>>,
    /// The buckets to attach, under the old name. Ignored if `repoBuckets` is present.
    #[schema(max_items = 100, deprecated)]
    repo_units: Option<Vec<BucketPlace>>,
}

impl From<RepoProposal> for RepositoryInput {
    fn from(proposal: RepoProposal) -> Self {
        Self {
            name: proposal.name,
            mode: proposal.mode,
            workspace_id: proposal.workspace_id,
            buckets: attachments(proposal.repo_buckets, proposal.repo_units),
            ..Self::default()
        }
    }
}
