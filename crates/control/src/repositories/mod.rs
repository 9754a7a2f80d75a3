//! Repositories: buckets behind one endpoint and one key.

mod change;
mod create;
mod input;
mod keys;
mod read;
mod refusal;

pub use create::CreatedRepository;
pub use input::{RepositoryBucketInput, RepositoryInput};
pub use keys::{CreatedKey, KeyInput};
pub use read::{AttachedBucket, RepositoryView};
pub use refusal::RepoErrorCode;

use bucketry_model::id::RepoId;
use bucketry_model::repository::Repository;
use bucketry_model::role::{Caller, WorkspaceRole};

use crate::workspaces::needs;
use crate::{Control, Error, Result, Thing};

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
}
