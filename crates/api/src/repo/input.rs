//! Request bodies about repositories, as input of `control`.

use bucketry_api_types::repository::{BucketPlace, NewRepo, RepoChanges, RepoProposal};
use bucketry_control::ids::is_absent;
use bucketry_control::repositories::{RepositoryBucketInput, RepositoryInput};

fn attachment(place: BucketPlace) -> RepositoryBucketInput {
    let bucket_id = place.bucket_id.filter(|text| !is_absent(text)).or(place.unit_id);
    RepositoryBucketInput { bucket_id, folder: place.folder, master: place.master }
}

fn attachments(
    new: Option<Vec<BucketPlace>>,
    old: Option<Vec<BucketPlace>>,
) -> Option<Vec<RepositoryBucketInput>> {
    Some(new.or(old)?.into_iter().map(attachment).collect())
}

pub(super) fn new_repo(new: NewRepo) -> RepositoryInput {
    RepositoryInput {
        name: new.name,
        storage_type: new.storage_type,
        mode: new.mode,
        workspace_id: new.workspace_id,
        buckets: attachments(new.repo_buckets, new.repo_units),
    }
}

pub(super) fn repo_changes(changes: RepoChanges) -> RepositoryInput {
    RepositoryInput {
        name: changes.name,
        storage_type: changes.storage_type,
        mode: changes.mode,
        workspace_id: changes.workspace_id,
        buckets: attachments(changes.repo_buckets, changes.repo_units),
    }
}

pub(super) fn repo_proposal(proposal: RepoProposal) -> RepositoryInput {
    RepositoryInput {
        name: proposal.name,
        mode: proposal.mode,
        workspace_id: proposal.workspace_id,
        buckets: attachments(proposal.repo_buckets, proposal.repo_units),
        ..RepositoryInput::default()
    }
}
