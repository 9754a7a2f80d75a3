//! What is registered now, as far as a file can say it.

use std::collections::HashMap;

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::node::RegisteredNode;
use bucketry_api_types::repository::Repo;
use bucketry_api_types::workspace::WorkspaceWithMembers;
use bucketry_client::ApiClient;
use bucketry_client::api::bucket::{BucketListSelection, ListSort};
use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, RepoId, UserId, WorkspaceId};
use bucketry_model::repository::RepositoryMode;
use bucketry_model::role::WorkspaceRole;

use crate::bucket_pins;
use crate::failure::Result;
use crate::registry_file::FilePins;

/// Entries per request.
const PAGE: u32 = 1_000;

/// Everything that the caller sees.
#[derive(Debug, Default)]
pub(crate) struct CurrentState {
    pub(crate) workspaces: Vec<CurrentWorkspace>,
    /// The nodes that serve the organization.
    pub(crate) nodes: Vec<RegisteredNode>,
    /// By name.
    pub(crate) buckets: Vec<CurrentBucket>,
    /// By name.
    pub(crate) repositories: Vec<CurrentRepository>,
}

#[derive(Debug, Clone)]
pub(crate) struct CurrentWorkspace {
    pub(crate) id: WorkspaceId,
    pub(crate) name: String,
    pub(crate) members: Vec<CurrentMember>,
}

#[derive(Debug, Clone)]
pub(crate) struct CurrentMember {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) role: WorkspaceRole,
}

#[derive(Debug, Clone)]
pub(crate) struct CurrentBucket {
    pub(crate) id: BucketId,
    pub(crate) name: String,
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) bucket: String,
    pub(crate) storage_type: StorageType,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) has_secret: bool,
    pub(crate) pinned_to: FilePins,
}

#[derive(Debug, Clone)]
pub(crate) struct CurrentRepository {
    pub(crate) id: RepoId,
    pub(crate) name: String,
    pub(crate) workspace_id: WorkspaceId,
    pub(crate) mode: RepositoryMode,
    pub(crate) buckets: Vec<CurrentAttachment>,
}

#[derive(Debug, Clone)]
pub(crate) struct CurrentAttachment {
    pub(crate) id: BucketId,
    pub(crate) folder: String,
    pub(crate) master: bool,
}

impl CurrentState {
    pub(crate) async fn read(client: &ApiClient) -> Result<Self> {
        let found = client.workspaces().await?.into_iter();
        let mut workspaces: Vec<CurrentWorkspace> = found.map(CurrentWorkspace::from).collect();
        workspaces.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        let nodes = client.nodes().await?;
        let mut state = Self { workspaces, nodes, ..Self::default() };
        let mut cursor = None;
        loop {
            let page = buckets_by_name(client, None, cursor.as_deref()).await?;
            let read = |bucket| CurrentBucket::new(bucket, &state.nodes);
            let read: Vec<CurrentBucket> = page.buckets.into_iter().map(read).collect();
            state.buckets.extend(read);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        loop {
            let page = repositories_by_name(client, None, cursor.as_deref()).await?;
            state.repositories.extend(page.repos.into_iter().map(CurrentRepository::from));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(state);
            }
        }
    }

    pub(crate) fn workspace_names(&self) -> HashMap<WorkspaceId, &str> {
        self.workspaces.iter().map(|workspace| (workspace.id, workspace.name.as_str())).collect()
    }
}

/// A page of the buckets that the caller sees, in the order of an export.
pub(crate) async fn buckets_by_name(
    client: &ApiClient,
    workspace: Option<WorkspaceId>,
    cursor: Option<&str>,
) -> Result<bucketry_api_types::bucket::BucketList> {
    let selection =
        BucketListSelection { workspace, sort: Some(ListSort::Name), ..BucketListSelection::default() };
    Ok(client.select_buckets(&selection, Some(PAGE), cursor).await?)
}

/// A page of the repositories that the caller sees, in the order of an export.
pub(crate) async fn repositories_by_name(
    client: &ApiClient,
    workspace: Option<WorkspaceId>,
    cursor: Option<&str>,
) -> Result<bucketry_api_types::repository::RepoList<'static>> {
    Ok(client.select_repositories(workspace, None, Some(ListSort::Name), Some(PAGE), cursor).await?)
}

impl From<WorkspaceWithMembers> for CurrentWorkspace {
    fn from(entry: WorkspaceWithMembers) -> Self {
        let member = |member: bucketry_api_types::workspace::MemberInfo| CurrentMember {
            id: member.user_id,
            email: member.user.email,
            role: member.role,
        };
        let mut members: Vec<CurrentMember> = entry.users.into_iter().map(member).collect();
        members.sort_by(|one, other| one.email.cmp(&other.email));
        Self { id: entry.workspace.id, name: entry.workspace.name, members }
    }
}

impl CurrentBucket {
    pub(crate) fn new(bucket: BucketInfo<'_>, nodes: &[RegisteredNode]) -> Self {
        let pinned_to = bucket.pinned_to.as_ref();
        Self {
            pinned_to: pinned_to.map(|pins| bucket_pins::for_file(pins, nodes)).unwrap_or_default(),
            id: bucket.id,
            name: bucket.name.into_owned(),
            workspace_id: bucket.workspace_id,
            bucket: bucket.bucket.into_owned(),
            storage_type: bucket.storage_type,
            endpoint: bucket.endpoint.map(|endpoint| endpoint.to_string()),
            region: bucket.region.map(std::borrow::Cow::into_owned),
            key: bucket.key.map(std::borrow::Cow::into_owned),
            has_secret: bucket.has_secret,
        }
    }
}

impl From<Repo<'_>> for CurrentRepository {
    fn from(repo: Repo<'_>) -> Self {
        let attachment = |attached: bucketry_api_types::repository::RepoBucket<'_>| CurrentAttachment {
            id: attached.bucket_id,
            folder: attached.folder.into_owned(),
            master: attached.master,
        };
        Self {
            id: repo.id,
            name: repo.name.into_owned(),
            workspace_id: repo.workspace_id,
            mode: repo.mode,
            buckets: repo.buckets.into_iter().map(attachment).collect(),
        }
    }
}
