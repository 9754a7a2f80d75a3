//! What clients send about a repository. Every field may be absent here: `control` tells all that are missing at once.

use bucketry_control::ids::is_absent;
use bucketry_control::repositories::{RepositoryBucketInput, RepositoryInput};
use bucketry_model::bucket::StorageType;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::schema::{RepositoryModeSchema, StorageTypeSchema};

/// A bucket that a repository shall have.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BucketPlace {
    /// The bucket's id.
    #[schema(required, value_type = String, format = "uuid")]
    bucket_id: Option<String>,
    /// The bucket's id, in the older spelling.
    #[schema(value_type = Option<String>, format = "uuid", deprecated)]
    unit_id: Option<String>,
    /// The folder of the bucket that the repository's objects shall lie in; the whole bucket where left out.
    #[schema(max_length = 255, example = "holidays/2026")]
    folder: Option<String>,
    /// Whether it is the one that a MIRROR reads and writes first.
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

/// A repository to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewRepo {
    /// What people call it; unique in the organization, whatever the letter case.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "Media")]
    name: Option<String>,
    /// The protocol that applications shall speak to it: S3.
    #[schema(required, value_type = StorageTypeSchema)]
    storage_type: Option<StorageType>,
    /// How requests find a bucket.
    #[schema(required, value_type = RepositoryModeSchema)]
    mode: Option<String>,
    /// The workspace that it shall belong to, and that its buckets are from.
    #[schema(required, value_type = String, format = "uuid")]
    workspace_id: Option<String>,
    /// Its buckets.
    #[schema(max_items = 100)]
    repo_buckets: Option<Vec<BucketPlace>>,
    /// Its buckets, in the older spelling; not looked at where `repoBuckets` is there.
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

/// Changes to a repository. What is absent stays; a list of buckets takes the place of the present one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepoChanges {
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "Media")]
    name: Option<String>,
    /// The protocol that applications speak to it.
    #[schema(value_type = Option<StorageTypeSchema>)]
    storage_type: Option<StorageType>,
    /// How requests find a bucket.
    #[schema(value_type = Option<RepositoryModeSchema>)]
    mode: Option<String>,
    /// The workspace to move it to.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<String>,
    /// Its buckets, all of them.
    #[schema(max_items = 100)]
    repo_buckets: Option<Vec<BucketPlace>>,
    /// Its buckets, in the older spelling.
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

/// Buckets that a new repository might have.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepoProposal {
    /// What people would call it; looked at only if it is given.
    #[schema(min_length = 1, max_length = 255, example = "Media")]
    name: Option<String>,
    /// How requests would find a bucket.
    #[schema(required, value_type = RepositoryModeSchema)]
    mode: Option<String>,
    /// The workspace; that of the first bucket where left out.
    #[schema(value_type = Option<String>, format = "uuid")]
    workspace_id: Option<String>,
    /// The buckets.
    #[schema(max_items = 100)]
    repo_buckets: Option<Vec<BucketPlace>>,
    /// The buckets, in the older spelling.
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
