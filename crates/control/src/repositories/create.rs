//! Making a repository, and asking whether one could be made.

use bucketry_model::attachment::AttachmentRefused;
use bucketry_model::id::RepoId;
use bucketry_model::repository::RepositoryMode;
use bucketry_model::role::{Caller, WorkspaceRole};
use bucketry_store::repository::{NewRepository, Proposal, RepositoryInserted};

use super::input::{RepositoryFields, RepositoryInput};
use super::refusal::{RepoErrorCode, name_taken, quota_exceeded};
use crate::users::validated;
use crate::workspaces::{needs, needs_somewhere};
use crate::{Control, Error, ResourceKind, Result};

/// A repository that was made.
#[derive(Debug)]
pub struct CreatedRepository {
    /// Its id.
    pub id: RepoId,
    /// What people should know about it.
    pub message: Option<String>,
}

impl Control {
    /// Makes a repository: role and fields first, then the store decides about name, quota and buckets.
    ///
    /// Dropping the future before the store is asked leaves nothing behind; from then on the transaction decides.
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
        match self.inner.store.insert_repository(&new, self.inner.environment.now()).await? {
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

    /// The fields of a new repository, if the caller may make one in its workspace.
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

    /// Whether the caller may make this repository, apart from its name, the quota and its buckets.
    pub async fn authorize_repository(&self, caller: &Caller, input: &RepositoryInput) -> Result<()> {
        self.may_create_repository(caller, input).await.map(|_| ())
    }

    /// Whether a repository with this mode and these buckets could be made. Nothing is stored.
    ///
    /// Where no workspace is given it is that of the first bucket. Names are looked at last, and only for callers who
    /// could make a repository: they are unique in the organization, so an answer about one tells of workspaces that the
    /// caller can't enter.
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
                        message: format!("there is no bucket {}", first.bucket_id),
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

/// What a repository of this mode doesn't do yet.
pub(super) fn notice(mode: RepositoryMode) -> Option<String> {
    let mirror = "requests are served by the master; its replicas are not filled yet, because nothing copies between the \
                  buckets of a repository of mode MIRROR in this version";
    (mode == RepositoryMode::Mirror).then(|| mirror.to_owned())
}
