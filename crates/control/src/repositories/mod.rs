//! Repositories: buckets that applications reach through one endpoint with one key.

mod change;
mod create;
mod input;
mod keys;
mod read;
mod refusal;
mod sealing_key;
mod serving_nodes;
mod statistics;

pub use crate::error::RepoErrorCode;
pub use create::CreatedRepository;
pub use input::{RepositoryBucketInput, RepositoryInput};
pub use keys::{CreatedKey, KeyInput};
pub use read::{AttachedBucket, RepositoryListInput, RepositoryView};
pub use serving_nodes::ServingNode;

pub use statistics::{RepositorySelection, RepositoryTotals};

use bucketry_model::id::{RepoId, WorkspaceId};
use bucketry_model::repository::Repository;
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::access::{log_resource, needs, readable};
use crate::{Control, Error, ResourceKind, Result};

/// The maximum number of repositories that a request can name.
const MOST_IDS: usize = 1_000;

impl Control {
    /// Returns the repository if the caller has at least `needed` in its workspace. A repository of another
    /// organization is not found; one of the caller's organization without access is forbidden.
    pub(crate) async fn reach_repository(
        &self,
        caller: &Caller,
        id: RepoId,
        needed: WorkspaceRole,
    ) -> Result<Repository> {
        let found = self.inner.store.repository(caller.org_id, id).await?;
        let repository = found.ok_or(Error::NotFound(ResourceKind::Repository))?;
        log_resource(id, repository.name.as_str());
        needs(caller, repository.workspace_id, needed)?;
        Ok(repository)
    }

    /// Returns the named repositories that exist or existed, without repetitions and in the order named. With a
    /// workspace, only those in it. Unknown ids are left out; a repository in a workspace that the caller can't
    /// access is forbidden.
    pub(crate) async fn named_repositories(
        &self,
        caller: &Caller,
        ids: &[RepoId],
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<RepoId>> {
        if ids.len() > MOST_IDS {
            return Err(Error::field("repoId", format!("must name at most {MOST_IDS} repositories")));
        }
        let found = self.inner.store.workspaces_of_repositories(caller.org_id, ids).await?;
        readable(caller, ids, &found.into_iter().collect(), workspace)
    }
}
