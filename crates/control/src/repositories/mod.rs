//! Repositories: buckets behind one endpoint and one key.

mod change;
mod create;
mod input;
mod keys;
mod read;
mod refusal;
mod statistics;

pub use create::CreatedRepository;
pub use input::{RepositoryBucketInput, RepositoryInput};
pub use keys::{CreatedKey, KeyInput};
pub use read::{AttachedBucket, RepositoryView};
pub use refusal::RepoErrorCode;
pub use statistics::RepositoryTotals;

use std::collections::HashMap;

use bucketry_model::id::RepoId;
use bucketry_model::repository::Repository;
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::workspaces::needs;
use crate::{Control, Error, Result, Thing};

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
        let repository = found.ok_or(Error::NotFound(Thing::Repository))?;
        needs(caller, repository.workspace_id, needed)?;
        Ok(repository)
    }

    /// Whether the caller has at least `needed` in the workspaces of all these repositories, by the same rules.
    pub(crate) async fn reach_repositories(
        &self,
        caller: &Caller,
        ids: &[RepoId],
        needed: WorkspaceRole,
    ) -> Result<()> {
        if ids.len() > MOST_IDS {
            return Err(Error::field("repoId", format!("must name at most {MOST_IDS} repositories")));
        }
        let found = self.inner.store.workspaces_of_repositories(caller.org_id, ids).await?;
        let places: HashMap<_, _> = found.into_iter().collect();
        for id in ids {
            let workspace = places.get(id).ok_or(Error::NotFound(Thing::Repository))?;
            needs(caller, *workspace, needed)?;
        }
        Ok(())
    }
}
