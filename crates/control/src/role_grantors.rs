//! Who can give a user the role that something needs.

use bucketry_model::id::WorkspaceId;
use bucketry_model::role::{Caller, OrgRole, Visibility, WorkspaceRole};
use bucketry_store::user::User;

use crate::{Control, Result};

/// The most users that are named.
const MOST_NAMED: usize = 5;
/// The most workspaces of the caller in which they are looked for.
const MOST_WORKSPACES: usize = 5;
/// The most owners, and the most administrators, of the organization who are considered.
const MOST_OF_ROLE: u32 = 5;
/// The most members of a workspace among whom they are looked for.
const MOST_MEMBERS: u32 = 100;

/// Where a role is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleScope {
    /// In this workspace.
    Workspace(WorkspaceId),
    /// In any workspace.
    AnyWorkspace,
    /// In the organization.
    Organization,
}

impl Control {
    /// Returns some users who can give the caller a role, and whom the caller may see: as members of the caller's own
    /// workspaces, or as users of the organization. Empty if the caller may see none.
    pub async fn role_grantors(&self, caller: &Caller, scope: RoleScope) -> Result<Vec<User>> {
        let mut found: Vec<User> = Vec::new();
        for workspace in workspaces_to_ask_in(caller, scope) {
            for member in self.inner.store.member_page(workspace, None, MOST_MEMBERS).await? {
                let is_admin = scope != RoleScope::Organization && member.role == WorkspaceRole::Admin;
                if is_admin || member.user.org_role.is_global() {
                    found.push(member.user);
                }
            }
        }
        if caller.may_in_org(OrgRole::Workspaces) {
            for role in [OrgRole::Owner, OrgRole::Administrators] {
                found.extend(self.inner.store.users_with_role(caller.org_id, role, MOST_OF_ROLE).await?);
            }
        }
        Ok(named(caller, found))
    }
}

fn workspaces_to_ask_in(caller: &Caller, scope: RoleScope) -> Vec<WorkspaceId> {
    match (scope, caller.visibility()) {
        (RoleScope::Workspace(id), _) => caller.role_in(id).map(|_| id).into_iter().collect(),
        (_, Visibility::Workspaces(mut own)) => {
            own.truncate(MOST_WORKSPACES);
            own
        }
        (_, Visibility::Organization) => Vec::new(),
    }
}

/// Others than the caller, each once.
fn named(caller: &Caller, found: Vec<User>) -> Vec<User> {
    let mut named: Vec<User> = Vec::new();
    for user in found {
        let is_known = user.id == caller.user_id || named.iter().any(|one| one.id == user.id);
        if !is_known && named.len() < MOST_NAMED {
            named.push(user);
        }
    }
    named
}
