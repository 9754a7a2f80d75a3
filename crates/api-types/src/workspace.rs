//! Workspaces and their members.

use bucketry_model::id::{OrgId, UserId, WorkspaceId};
use bucketry_model::role::WorkspaceRole;
use serde::{Deserialize, Serialize};

/// A workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = Workspace))]
pub struct WorkspaceInfo {
    /// The workspace's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: WorkspaceId,
    /// The workspace's name.
    #[cfg_attr(feature = "openapi", schema(example = "default"))]
    pub name: String,
    /// The organization that the workspace belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub org_id: OrgId,
}

/// A workspace with its members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceWithMembers {
    #[expect(missing_docs, reason = "the document describes the members, not the field")]
    #[serde(flatten)]
    pub workspace: WorkspaceInfo,
    /// The members, newest first. Users with implicit rights are not included.
    pub users: Vec<MemberInfo>,
}

/// A member of a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = Member))]
pub struct MemberInfo {
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub user_id: UserId,
    /// The role in the workspace.
    pub role: WorkspaceRole,
    /// The member's account.
    pub user: MemberUser,
}

/// A member's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MemberUser {
    /// The user's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: UserId,
    /// First name.
    pub name: String,
    /// Last name.
    pub last_name: String,
    /// E-mail address.
    pub email: String,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    pub org_role: u8,
}

/// A response with a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OneWorkspace {
    /// Always true.
    pub success: bool,
    /// The workspace.
    pub workspace: WorkspaceInfo,
}

/// A response with a workspace and its members.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OneFullWorkspace {
    /// Always true.
    pub success: bool,
    /// The workspace.
    pub workspace: WorkspaceWithMembers,
}

/// A list of workspaces.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceList {
    /// Always true.
    pub success: bool,
    /// The workspaces, newest first.
    pub workspaces: Vec<WorkspaceWithMembers>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A workspace to create.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = NewWorkspace))]
pub struct NewWorkspaceRequest {
    /// The name of the new workspace.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255, example = "research"))]
    pub name: String,
}

/// Changes to a workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceChanges {
    /// The new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 255))]
    pub name: Option<String>,
}

/// A member to add.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct NewMember {
    /// The user to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = "uuid"))]
    pub user_id: Option<String>,
    /// The member's role.
    pub role: WorkspaceRole,
}

/// A new role for a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberRole {
    /// The member's new role.
    pub role: WorkspaceRole,
}
