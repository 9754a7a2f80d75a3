//! Changing and deleting a repository.

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::RepoId;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::repository::{Proposal, RepositoryUpdate, RepositoryUpdated};

use super::create::{CreatedRepository, notice};
use super::input::RepositoryInput;
use super::refusal::name_taken;
use crate::access::validated;
use crate::audit::Described;
use crate::{Control, Error, ResourceKind, Result};

impl Control {
    /// Changes a repository; fields that were not sent are unchanged. A sent list of buckets replaces the current
    /// one, but a bucket that is in both must keep its folder. Moving to another workspace requires WRITE in both,
    /// and buckets of the new one.
    ///
    /// Dropping the future before the store is called leaves everything unchanged.
    pub async fn update_repository(
        &self,
        caller: &Caller,
        id: RepoId,
        input: &RepositoryInput,
    ) -> Result<CreatedRepository> {
        let stored = self.reach_repository(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let fields = input.read_changes(&stored)?;
        if fields.workspace_id != stored.workspace_id {
            self.enter(caller, fields.workspace_id, WorkspaceRole::Write).await?;
        }
        let update = RepositoryUpdate {
            id,
            org_id: caller.org_id,
            from_version: stored.version,
            workspace_id: fields.workspace_id,
            name: fields.name,
            storage_type: fields.storage_type,
            mode: fields.mode,
            buckets: fields.buckets,
        };
        let audit = self
            .audit_of(caller, AuditKind::Repository, AuditAction::Updated)
            .of(id, &update.name)
            .in_workspace(update.workspace_id)
            .before(stored.described())
            .after(update.described());
        match self.inner.store.update_repository(&update, &audit).await? {
            RepositoryUpdated::Updated => {
                self.inner.changes.notify_waiters();
                Ok(CreatedRepository { id, message: notice(update.mode) })
            }
            RepositoryUpdated::NameTaken => Err(name_taken(update.name.as_str())),
            RepositoryUpdated::WorkspaceNotFound => Err(Error::NotFound(ResourceKind::Workspace)),
            RepositoryUpdated::NotFound => Err(Error::NotFound(ResourceKind::Repository)),
            RepositoryUpdated::Conflict => Err(Error::Conflict),
            RepositoryUpdated::Refused(refused) => Err(refused.into()),
        }
    }

    /// Checks whether a repository could be changed like this. Stores nothing.
    pub async fn validate_repository(
        &self,
        caller: &Caller,
        id: RepoId,
        input: &RepositoryInput,
    ) -> Result<()> {
        let stored = self.reach_repository(caller, id, WorkspaceRole::Write).await?;
        let fields = input.read_changes(&stored)?;
        if fields.workspace_id != stored.workspace_id {
            self.enter(caller, fields.workspace_id, WorkspaceRole::Write).await?;
        }
        if self.inner.store.repository_name_taken(caller.org_id, &fields.name, Some(id)).await? {
            return Err(name_taken(fields.name.as_str()));
        }
        let proposal = Proposal {
            org_id: caller.org_id,
            workspace_id: fields.workspace_id,
            repo_id: Some(id),
            mode: fields.mode,
            buckets: fields.buckets,
        };
        self.inner.store.check_proposal(&proposal).await?.map_err(Error::from)
    }

    /// Deletes a repository. Its buckets become free, its keys are revoked and their secrets destroyed immediately,
    /// and its statistics are retained. Objects are not touched.
    pub async fn delete_repository(&self, caller: &Caller, id: RepoId) -> Result<()> {
        let stored = self.reach_repository(caller, id, WorkspaceRole::Write).await?;
        validated(caller)?;
        let audit = self
            .audit_of(caller, AuditKind::Repository, AuditAction::Deleted)
            .of(id, &stored.name)
            .in_workspace(stored.workspace_id)
            .before(stored.described());
        if !self.inner.store.delete_repository(caller.org_id, id, &audit).await? {
            return Err(Error::NotFound(ResourceKind::Repository));
        }
        self.inner.changes.notify_waiters();
        Ok(())
    }
}
