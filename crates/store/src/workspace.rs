//! Workspaces and their members.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{Visibility, WorkspaceRole};
use jiff::Timestamp;

use crate::Result;
use crate::user::User;

/// A workspace.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its organization.
    pub org_id: OrgId,
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A workspace to be made.
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Its name.
    pub name: Name,
}

/// A member of a workspace.
#[derive(Debug, Clone)]
pub struct Member {
    /// The user.
    pub user: User,
    /// The role in the workspace.
    pub role: WorkspaceRole,
}

/// What came of a change to a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceChanged {
    /// Done.
    Changed,
    /// There is no such live workspace in the organization.
    NotFound,
    /// It still holds live buckets or repositories.
    InUse,
}

/// What came of a change to a workspace's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChanged {
    /// Done.
    Changed,
    /// There is no such live workspace in the organization.
    WorkspaceNotFound,
    /// There is no such live user in the organization.
    UserNotFound,
    /// The user is not a member.
    NotAMember,
    /// The user is a member already.
    AlreadyAMember,
    /// It would have left the workspace without an ADMIN.
    LastAdmin,
}

/// Keeps workspaces.
#[async_trait]
pub trait WorkspaceStore {
    /// Makes a workspace with its creator as ADMIN.
    async fn insert_workspace(
        &self,
        org_id: OrgId,
        new: &NewWorkspace,
        creator: UserId,
        now: Timestamp,
    ) -> Result<()>;

    /// Looks a live workspace of the organization up.
    async fn workspace(&self, org_id: OrgId, id: WorkspaceId) -> Result<Option<Workspace>>;

    /// A page of the organization's live workspaces that are visible, newest first, after the given one.
    async fn workspaces(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<Workspace>>;

    /// Renames a workspace.
    async fn rename_workspace(&self, org_id: OrgId, id: WorkspaceId, name: &Name)
    -> Result<WorkspaceChanged>;

    /// Removes a workspace softly, unless it holds live buckets; memberships and API tokens scoped to it go.
    async fn delete_workspace(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        now: Timestamp,
    ) -> Result<WorkspaceChanged>;

    /// The members of some workspaces, with the workspace each belongs to, newest member first.
    async fn members(&self, workspaces: &[WorkspaceId]) -> Result<Vec<(WorkspaceId, Member)>>;

    /// Adds a member.
    async fn add_member(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
        now: Timestamp,
    ) -> Result<MemberChanged>;

    /// Changes a member's role. Lowering the last ADMIN is refused, also when two requests do it at once.
    async fn set_member_role(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<MemberChanged>;

    /// Removes a member. Removing the last ADMIN is refused.
    async fn remove_member(&self, org_id: OrgId, id: WorkspaceId, user: UserId) -> Result<MemberChanged>;
}
