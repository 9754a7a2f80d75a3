//! Workspaces and their members.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::name::Name;
use bucketry_model::role::{Visibility, WorkspaceRole};
use jiff::Timestamp;

use crate::Result;
use crate::user::User;

/// A workspace.
#[expect(missing_docs, reason = "the fields are columns of the workspace's row")]
#[derive(Debug, Clone)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub org_id: OrgId,
    pub name: Name,
    pub created_at: Timestamp,
}

/// A workspace to create.
#[expect(missing_docs, reason = "the fields are columns of the workspace's row")]
#[derive(Debug, Clone)]
pub struct NewWorkspace {
    pub id: WorkspaceId,
    pub name: Name,
}

/// A member of a workspace.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Debug, Clone)]
pub struct Member {
    pub user: User,
    pub role: WorkspaceRole,
}

/// The outcome of a change to a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkspaceChanged {
    /// The workspace was changed.
    Changed,
    /// There is no such live workspace in the organization.
    NotFound,
    /// The workspace still contains live buckets or repositories.
    InUse,
}

/// The outcome of a change to the members of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChanged {
    /// The member was added, changed or removed.
    Changed,
    /// There is no such live workspace in the organization.
    WorkspaceNotFound,
    /// There is no such live user in the organization.
    UserNotFound,
    /// The user is not a member.
    NotAMember,
    /// The user is a member already.
    AlreadyAMember,
    /// The workspace would have no ADMIN left.
    LastAdmin,
}

/// Stores workspaces and their members.
#[async_trait]
pub trait WorkspaceStore {
    /// Creates a workspace with its creator as ADMIN.
    async fn insert_workspace(
        &self,
        org_id: OrgId,
        new: &NewWorkspace,
        creator: UserId,
        audit: &AuditEntry,
    ) -> Result<()>;

    /// Returns a live workspace of the organization.
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
    async fn rename_workspace(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        name: &Name,
        audit: &AuditEntry,
    ) -> Result<WorkspaceChanged>;

    /// Soft-deletes a workspace, unless it contains live buckets or repositories. Removes its memberships and the
    /// API tokens scoped to it.
    async fn delete_workspace(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        audit: &AuditEntry,
    ) -> Result<WorkspaceChanged>;

    /// The members of the given workspaces, with the workspace of each, newest member first.
    async fn members(&self, workspaces: &[WorkspaceId]) -> Result<Vec<(WorkspaceId, Member)>>;

    /// A page of the members of a workspace, the newest accounts first, after the given one.
    async fn member_page(&self, id: WorkspaceId, after: Option<UserId>, limit: u32) -> Result<Vec<Member>>;

    /// Adds a member.
    async fn add_member(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
        audit: &AuditEntry,
    ) -> Result<MemberChanged>;

    /// Changes the role of a member. Refuses to lower the last ADMIN, also if two requests do so at the same time.
    async fn set_member_role(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
        audit: &AuditEntry,
    ) -> Result<MemberChanged>;

    /// Removes a member. Refuses to remove the last ADMIN.
    async fn remove_member(
        &self,
        org_id: OrgId,
        id: WorkspaceId,
        user: UserId,
        audit: &AuditEntry,
    ) -> Result<MemberChanged>;
}
