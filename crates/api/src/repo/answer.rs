//! The representation of a repository and its keys in responses.

use bucketry_api_types::moment::Moment;
use bucketry_api_types::repository::{Repo, RepoBucket};
use bucketry_api_types::repository_key::RepoKey;
use bucketry_control::repositories::{AttachedBucket, RepositoryView};
use bucketry_model::repository::RepositoryKey;

use crate::bucket::answer::bucket_info;

pub(super) fn repo(view: &RepositoryView) -> Repo<'_> {
    let repository = &view.repository;
    Repo {
        id: repository.id,
        name: repository.name.as_str().into(),
        storage_type: repository.storage_type,
        mode: repository.mode,
        workspace_id: repository.workspace_id,
        status: view.status(),
        buckets: view.buckets.iter().map(repo_bucket).collect(),
        api_keys: view.keys.iter().map(repo_key).collect(),
        created_at: Moment(repository.created_at),
        updated_at: Moment(repository.updated_at),
    }
}

fn repo_bucket(attached: &AttachedBucket) -> RepoBucket<'_> {
    RepoBucket {
        bucket_id: attached.attachment.bucket_id,
        folder: attached.attachment.folder.as_str().into(),
        master: attached.attachment.master,
        bucket: attached.bucket.as_ref().map(bucket_info),
    }
}

pub(super) fn repo_key(key: &RepositoryKey) -> RepoKey<'_> {
    RepoKey {
        id: key.id,
        name: key.name.as_str().into(),
        access_type: key.access,
        key: key.key.as_str().into(),
        created_at: Moment(key.created_at),
        last_used_at: key.last_used_at.map(Moment),
    }
}
