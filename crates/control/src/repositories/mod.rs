//! Repositories: buckets behind one endpoint and one key.

mod change;
mod create;
mod input;
mod keys;
mod read;
mod refusal;
mod sealing_key;
mod statistics;

pub use create::CreatedRepository;
pub use input::{RepositoryBucketInput, RepositoryInput};
pub use keys::{CreatedKey, KeyInput};
pub use read::{AttachedBucket, RepositoryView};
pub use refusal::RepoErrorCode;
pub use statistics::{RepositorySelection, RepositoryTotals};

use bucketry_model::id::{RepoId, WorkspaceId};
use bucketry_model::repository::Repository;
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::workspaces::{needs, readable};
use crate::{Control, Error, ResourceKind, Result};

/// The most repositories that can be asked for by name at once.
const MOST_IDS: usize = 1_000;

impl Control {
    /// The repository, if the caller has at least `needed` in its workspace: another organization's doesn't exist, and
    /// one of the own organization that the caller can't enter is forbidden.
    pub(crate) async fn reach_repository(
        &self,
        caller: &Caller,
        id: RepoId,
        needed: WorkspaceRole,
    ) -> Result<Repository> {
        let found = self.inner.store.repository(caller.org_id, id).await?;
        let repository = found.ok_or(Error::NotFound(ResourceKind::Repository))?;
        needs(caller, repository.workspace_id, needed)?;
        Ok(repository)
    }

    /// Those of the named repositories that there are or were, in the order they were named, each once; with a
    /// workspace, only those of it. Unknown ones are left out, and one in a workspace that the caller can't enter is
    /// forbidden.
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
