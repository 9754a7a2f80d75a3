//! Makes planned changes. A change that fails doesn't stop the others, except those that need it.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_api_types::bucket_fields::BucketChanges;
use bucketry_api_types::node::RegisteredNode;
use bucketry_api_types::repository::{BucketPlace, NewRepo, RepoChanges};
use bucketry_client::{ApiClient, ClientError};
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::repository::RepositoryMode;
use tokio::task::JoinSet;

use super::current::CurrentState;
use super::plan::{ChangeAction, PlannedChange};
use crate::bucket_fields::{new_bucket, storage_type_of};
use crate::bucket_pins;
use crate::busy_server::BusyServer;
use crate::checks::failed_checks_text;
use crate::failure::{Failure, Result};
use crate::refusal;
use crate::registry_file::{FileAttachment, FileBucket, FileRepository};
use crate::secret_source::SecretReader;

/// Buckets that are stored at the same time. Each is validated, which takes seconds at a slow provider; the server
/// allows 8 validations at once.
const AT_ONCE: usize = 4;

/// The fields of the API as a file calls them.
pub(crate) const FILE_FIELDS: &refusal::Flags = &[
    ("name", "name"),
    ("bucket", "bucket"),
    ("storageType", "type"),
    ("key", "key"),
    ("secret", "secretFile or secretEnv"),
    ("region", "region"),
    ("endpoint", "endpoint"),
    ("workspaceId", "workspace"),
    ("mode", "mode"),
    ("repoBuckets", "buckets"),
    ("folder", "folder"),
    ("role", "role"),
    ("pinnedTo.nodes", "pinnedTo.nodes"),
    ("pinnedTo.regions", "pinnedTo.regions"),
];

/// What became of a change.
#[derive(Debug)]
pub(super) enum ChangeOutcome {
    Done,
    Failed(String),
}

impl ChangeOutcome {
    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Failed(error) => Some(error),
        }
    }

    fn of(result: Result<()>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(failure) => Self::Failed(failure.message().to_owned()),
        }
    }
}

pub(super) struct Executor {
    client: ApiClient,
    secrets: SecretReader,
    skip_validation: bool,
    /// Where new things go for which the file names no workspace.
    default: Option<WorkspaceId>,
    /// By name in lower case.
    workspaces: HashMap<String, WorkspaceId>,
    /// By name in lower case.
    buckets: HashMap<String, BucketId>,
    nodes: Vec<RegisteredNode>,
}

impl Executor {
    pub(super) fn new(
        client: ApiClient,
        current: &CurrentState,
        secrets: SecretReader,
        default: Option<WorkspaceId>,
        skip_validation: bool,
    ) -> Self {
        let workspaces = current.workspaces.iter().map(|one| (one.name.to_lowercase(), one.id)).collect();
        let buckets = current.buckets.iter().map(|one| (one.name.to_lowercase(), one.id)).collect();
        let nodes = current.nodes.clone();
        Self { client, secrets, skip_validation, default, workspaces, buckets, nodes }
    }

    /// Makes the changes in their order; neighbouring changes of buckets at the same time.
    pub(super) async fn run(mut self, changes: &[PlannedChange]) -> Vec<ChangeOutcome> {
        let mut outcomes = Vec::with_capacity(changes.len());
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let group = rest.iter().take_while(|change| is_of_bucket(change)).count();
            if group > 0 {
                outcomes.extend(self.store_buckets(&rest[..group]).await);
                rest = &rest[group..];
            } else {
                outcomes.push(ChangeOutcome::of(self.make(first).await));
                rest = &rest[1..];
            }
        }
        outcomes
    }

    async fn store_buckets(&mut self, changes: &[PlannedChange]) -> Vec<ChangeOutcome> {
        let mut outcomes: Vec<Option<Result<Option<BucketId>>>> = changes.iter().map(|_| None).collect();
        let mut tasks = JoinSet::new();
        for (index, change) in changes.iter().enumerate() {
            if tasks.len() >= AT_ONCE {
                note(&mut outcomes, tasks.join_next().await);
            }
            match self.bucket_call(change) {
                Ok(call) => {
                    let client = self.client.clone();
                    tasks.spawn(async move { (index, call.make(&client).await) });
                }
                Err(failure) => outcomes[index] = Some(Err(failure)),
            }
        }
        while !tasks.is_empty() {
            note(&mut outcomes, tasks.join_next().await);
        }
        let unfinished = || Failure::failed("the change was not finished");
        let finished = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unfinished())));
        let mut done = Vec::with_capacity(changes.len());
        for (change, outcome) in changes.iter().zip(finished) {
            if let (Ok(Some(id)), ChangeAction::CreateBucket(bucket)) = (&outcome, &change.action) {
                self.buckets.insert(bucket.name.to_lowercase(), *id);
            }
            if let (Ok(_), ChangeAction::UpdateBucket(id, bucket)) = (&outcome, &change.action) {
                self.buckets.insert(bucket.name.to_lowercase(), *id);
            }
            done.push(ChangeOutcome::of(outcome.map(|_| ())));
        }
        done
    }

    fn bucket_call(&self, change: &PlannedChange) -> Result<BucketCall> {
        match &change.action {
            ChangeAction::CreateBucket(bucket) => {
                let workspace = self.workspace(bucket.workspace.as_deref())?;
                let mut fields = self.fields(bucket)?;
                fields.name = Some(bucket.name.clone());
                fields.workspace_id = Some(workspace.to_string());
                fields.storage_type = fields.storage_type.or_else(|| Some(storage_type_of(&fields).into()));
                Ok(BucketCall { id: None, fields: Arc::new(fields) })
            }
            ChangeAction::UpdateBucket(id, bucket) => {
                let mut fields = self.fields(bucket)?;
                fields.name = (bucket.name != change.name).then(|| bucket.name.clone());
                if let Some(name) = bucket.workspace.as_deref() {
                    fields.workspace_id = Some(self.workspace(Some(name))?.to_string());
                }
                Ok(BucketCall { id: Some(*id), fields: Arc::new(fields) })
            }
            _ => Err(Failure::failed("not a change of a bucket")),
        }
    }

    fn fields(&self, bucket: &FileBucket) -> Result<BucketChanges> {
        let secret = bucket.secret.as_ref().map(|source| self.secrets.read(source)).transpose()?;
        let pins =
            bucket.pinned_to.as_ref().map(|pins| bucket_pins::of_file(pins, &self.nodes)).transpose()?;
        Ok(BucketChanges {
            name: None,
            bucket: bucket.bucket.clone(),
            storage_type: bucket.storage_type,
            key: bucket.key.clone(),
            secret,
            endpoint: bucket.endpoint.clone(),
            region: bucket.region.clone(),
            workspace_id: None,
            api_key_uuid: None,
            skip_validation: self.skip_validation.then_some(true),
            checks: bucket.read_only.then_some(CheckScope::ReadOnly),
            pinned_to: pins,
        })
    }

    async fn make(&mut self, change: &PlannedChange) -> Result<()> {
        let mut busy = BusyServer::default();
        loop {
            let done = self.call(change).await?;
            if !busy.wait(&done).await {
                return done.map_err(in_file_terms);
            }
        }
    }

    /// The call of a change that isn't one of a bucket. Fails if something is missing that an earlier change should have made.
    async fn call(&mut self, change: &PlannedChange) -> Result<std::result::Result<(), ClientError>> {
        let client = self.client.clone();
        Ok(match &change.action {
            ChangeAction::CreateWorkspace => {
                let made = client.create_workspace(&change.name, None).await;
                made.map(|made| _ = self.workspaces.insert(change.name.to_lowercase(), made.id))
            }
            ChangeAction::AddMember { workspace, user, role } => {
                let id = self.workspace(Some(workspace))?;
                match client.add_member(id, *user, *role).await {
                    // The user who creates a workspace is its first member.
                    Err(error) if error.status() == Some(409) => client.change_member(id, *user, *role).await,
                    done => done,
                }
            }
            ChangeAction::ChangeMember { workspace, user, role } => {
                client.change_member(*workspace, *user, *role).await
            }
            ChangeAction::RemoveMember { workspace, user } => client.remove_member(*workspace, *user).await,
            ChangeAction::DeleteWorkspace(id) => client.delete_workspace(*id).await,
            ChangeAction::DeleteBucket(id) => client.delete_bucket(*id).await,
            ChangeAction::DeleteRepository(id) => client.delete_repository(*id).await,
            ChangeAction::CreateRepository(repository) => {
                let fields = self.new_repository(repository)?;
                client.create_repository(&fields, None).await.map(|_| ())
            }
            ChangeAction::UpdateRepository(id, repository) => {
                let fields = self.repository_changes(&change.name, repository)?;
                client.update_repository(*id, &fields).await.map(|_| ())
            }
            ChangeAction::CreateBucket(_) | ChangeAction::UpdateBucket(..) => Ok(()),
        })
    }

    fn new_repository(&self, repository: &FileRepository) -> Result<NewRepo> {
        Ok(NewRepo {
            name: Some(repository.name.clone()),
            storage_type: Some(StorageType::S3),
            mode: Some(repository.mode.unwrap_or(RepositoryMode::Normal).as_str().to_owned()),
            workspace_id: Some(self.workspace(repository.workspace.as_deref())?.to_string()),
            repo_buckets: Some(self.attachments(repository.buckets.as_deref().unwrap_or_default())?),
            repo_units: None,
        })
    }

    fn repository_changes(&self, stored_name: &str, repository: &FileRepository) -> Result<RepoChanges> {
        let workspace = repository.workspace.as_deref().map(|name| self.workspace(Some(name))).transpose()?;
        let attached = repository.buckets.as_deref().map(|buckets| self.attachments(buckets)).transpose()?;
        Ok(RepoChanges {
            name: (repository.name != stored_name).then(|| repository.name.clone()),
            storage_type: None,
            mode: repository.mode.map(|mode| mode.as_str().to_owned()),
            workspace_id: workspace.map(|id| id.to_string()),
            repo_buckets: attached,
            repo_units: None,
        })
    }

    fn attachments(&self, attached: &[FileAttachment]) -> Result<Vec<BucketPlace>> {
        let request = |one: &FileAttachment| {
            let id = self.buckets.get(&one.bucket.to_lowercase()).ok_or_else(|| {
                Failure::failed(format!("its bucket {} could not be registered", one.bucket))
            })?;
            Ok(BucketPlace {
                bucket_id: Some(id.to_string()),
                unit_id: None,
                folder: Some(one.folder.as_str().to_owned()),
                master: Some(one.master),
            })
        };
        attached.iter().map(request).collect()
    }

    fn workspace(&self, name: Option<&str>) -> Result<WorkspaceId> {
        let found = match name {
            None => self.default,
            Some(name) => self.workspaces.get(&name.to_lowercase()).copied(),
        };
        found.ok_or_else(|| {
            Failure::failed(format!("its workspace {} could not be created", name.unwrap_or("(default)")))
        })
    }
}

fn is_of_bucket(change: &PlannedChange) -> bool {
    matches!(change.action, ChangeAction::CreateBucket(_) | ChangeAction::UpdateBucket(..))
}

type Finished = (usize, Result<Option<BucketId>>);

fn note(
    outcomes: &mut [Option<Result<Option<BucketId>>>],
    finished: Option<std::result::Result<Finished, tokio::task::JoinError>>,
) {
    if let Some(Ok((index, outcome))) = finished
        && let Some(entry) = outcomes.get_mut(index)
    {
        *entry = Some(outcome);
    }
}

/// A call that stores a bucket.
struct BucketCall {
    /// `None` for a new bucket.
    id: Option<BucketId>,
    fields: Arc<BucketChanges>,
}

impl BucketCall {
    /// Returns the id of a new bucket.
    async fn make(self, client: &ApiClient) -> Result<Option<BucketId>> {
        let mut busy = BusyServer::default();
        let new = self.id.is_none().then(|| new_bucket((*self.fields).clone()));
        loop {
            let stored = match (self.id, &new) {
                (Some(id), _) => client.update_bucket(id, &self.fields).await.map(|_| None),
                (None, Some(new)) => client.create_bucket(new, None).await.map(|made| Some(made.bucket_id)),
                (None, None) => Ok(None),
            };
            if !busy.wait(&stored).await {
                return stored.map_err(in_file_terms);
            }
        }
    }
}

/// The failure with the names of a file's keys, and with the checks that failed.
pub(crate) fn in_file_terms(error: ClientError) -> Failure {
    if let ClientError::Refused(refusal) = &error {
        let checks = refusal.checks();
        if !checks.is_empty() {
            return Failure::failed(failed_checks_text(&checks));
        }
    }
    refusal::failure(error, FILE_FIELDS)
}
