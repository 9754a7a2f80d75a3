//! Workspaces and members in responses.

use bucketry_api_types::workspace::{MemberInfo, MemberUser, WorkspaceInfo, WorkspaceWithMembers};
use bucketry_control::workspaces::WorkspaceView;
use bucketry_store::workspace::{Member, Workspace};

pub(super) fn workspace_info(workspace: &Workspace) -> WorkspaceInfo {
    WorkspaceInfo { id: workspace.id, name: workspace.name.as_str().to_owned(), org_id: workspace.org_id }
}

fn member_info(member: &Member) -> MemberInfo {
    let user = &member.user;
    MemberInfo {
        user_id: user.id,
        role: member.role,
        user: MemberUser {
            id: user.id,
            name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
            email: user.email.clone(),
            org_role: user.org_role.number(),
        },
    }
}

pub(super) fn with_members(view: &WorkspaceView) -> WorkspaceWithMembers {
    WorkspaceWithMembers {
        workspace: workspace_info(&view.workspace),
        users: view.members.iter().map(member_info).collect(),
    }
}
