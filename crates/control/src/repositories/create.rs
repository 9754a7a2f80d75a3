//! Creates repositories, and checks whether one could be created.

use bucketry_model::attachment::AttachmentRefused;
use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::RepoId;
use bucketry_model::repository::RepositoryMode;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::repository::{NewRepository, Proposal, RepositoryInserted};

use super::input::{RepositoryFields, RepositoryInput};
use super::refusal::{name_taken, quota_exceeded};
use crate::access::{log_resource, needs, needs_somewhere, validated};
use crate::audit::Described;
use crate::error::RepoErrorCode;
use crate::{Control, Error, ResourceKind, Result};

/// The result of creating or changing a repository.
#[derive(Debug)]
pub struct CreatedRepository {
    /// Id of the repository.
    pub id: RepoId,
    /// A notice for the user, if there is one.
    pub message: Option<String>,
}

impl Control {
    /// Creates a repository: checks role and fields, then the store checks name, quota and buckets.
    ///
    /// Dropping the future before the store is called leaves nothing behind. After that, the transaction decides.
    pub async fn create_repository(
        &self,
        caller: &Caller,
        input: &RepositoryInput,
    ) -> Result<CreatedRepository> {
        let fields = self.may_create_repository(caller, input).await?;
        let id = self.inner.environment.id(RepoId::new)?;
        let new = NewRepository {
            id,
            org_id: caller.org_id,
            workspace_id: fields.workspace_id,
            name: fields.name,
            storage_type: fields.storage_type,
            mode: fields.mode,
            buckets: fields.buckets,
            sealing_key: self.new_sealing_key(caller.org_id, id).await?,
        };
        let audit = self
            .audit_of(caller, AuditKind::Repository, AuditAction::Created)
            .of(id, &new.name)
            .in_workspace(new.workspace_id)
            .after(new.described());
        log_resource(id, new.name.as_str());
        match self.inner.store.insert_repository(&new, &audit).await? {
            RepositoryInserted::Inserted => {
                self.inner.changes.notify_waiters();
                Ok(CreatedRepository { id, message: notice(new.mode) })
            }
            RepositoryInserted::NameTaken => Err(name_taken(new.name.as_str())),
            RepositoryInserted::QuotaExceeded => {
                let organization = self.organization(caller.org_id).await?;
                Err(quota_exceeded(organization.repo_quota.unwrap_or_default()))
            }
            RepositoryInserted::WorkspaceNotFound => Err(Error::NotFound(ResourceKind::Workspace)),
            RepositoryInserted::Refused(refused) => Err(refused.into()),
        }
    }

    /// Returns the fields of a new repository if the caller may create one in its workspace.
    async fn may_create_repository(
        &self,
        caller: &Caller,
        input: &RepositoryInput,
    ) -> Result<RepositoryFields> {
        let fields = input.read_new()?;
        self.enter(caller, fields.workspace_id, WorkspaceRole::Write).await?;
        validated(caller)?;
        Ok(fields)
    }

    /// Checks whether the caller may create this repository. Ignores its name, the quota and its buckets.
    pub async fn authorize_repository(&self, caller: &Caller, input: &RepositoryInput) -> Result<()> {
        self.may_create_repository(caller, input).await.map(|_| ())
    }

    /// Checks whether a repository with this mode and these buckets could be created. Stores nothing.
    ///
    /// Without a workspace, that of the first bucket is used. The name is checked last, and only for callers who
    /// could create a repository. Names are unique in the organization, so the result reveals something about
    /// workspaces that the caller can't access.
    pub async fn validate_new_repository(&self, caller: &Caller, input: &RepositoryInput) -> Result<()> {
        let (mode, buckets, workspace) = input.read_proposal()?;
        let name = input.read_name_alone()?;
        let workspace_id = match (workspace, buckets.first()) {
            (Some(id), _) => {
                self.enter(caller, id, WorkspaceRole::Write).await?;
                Some(id)
            }
            (None, Some(first)) => {
                let found = self.inner.store.workspaces_of_buckets(caller.org_id, &[first.bucket_id]).await?;
                let Some((_, id)) = found.first() else {
                    return Err(Error::Repository {
                        code: RepoErrorCode::NotFound,
                        message: "the first of the buckets does not exist".to_owned(),
                    });
                };
                needs(caller, *id, WorkspaceRole::Write)?;
                Some(*id)
            }
            (None, None) => {
                needs_somewhere(caller, WorkspaceRole::Write)?;
                None
            }
        };
        if let Some(name) = name
            && self.inner.store.repository_name_taken(caller.org_id, &name, None).await?
        {
            return Err(name_taken(name.as_str()));
        }
        match (workspace_id, mode) {
            (Some(workspace_id), mode) => {
                let proposal = Proposal { org_id: caller.org_id, workspace_id, repo_id: None, mode, buckets };
                self.inner.store.check_proposal(&proposal).await?.map_err(Error::from)
            }
            (None, RepositoryMode::Normal) => Ok(()),
            (None, RepositoryMode::Mirror) => Err(AttachmentRefused::MasterMissing.into()),
        }
    }
}

/// A notice about what a repository of this mode doesn't do yet.
pub(super) fn notice(mode: RepositoryMode) -> Option<String> {
    let mirror = "requests are served by the master bucket; its replicas are not filled yet, because this version doesn't \
                  copy objects between the buckets of a repository of mode MIRROR";
    (mode == RepositoryMode::Mirror).then(|| mirror.to_owned())
}
