//! Roles and access levels as arguments.

use bucketry_model::repository::KeyAccess;
use bucketry_model::role::{self, WorkspaceRole};
use clap::ValueEnum;

/// A role in a workspace, or the access level of a key.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// List and read
    Read,
    /// Also create, change and delete
    Write,
    /// Everything
    Admin,
}

/// A role in the organization.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OrgRole {
    /// Access to data only as a member of workspaces
    User,
    /// The same access as `user`
    Billing,
    /// Also create workspaces, and manage users with lower roles
    Workspaces,
    /// Everything, except changes to owners and other administrators
    Administrators,
    /// Everything
    Owner,
}

impl From<Role> for WorkspaceRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Read => Self::Read,
            Role::Write => Self::Write,
            Role::Admin => Self::Admin,
        }
    }
}

/// The command line names access levels like roles.
impl From<Role> for KeyAccess {
    fn from(role: Role) -> Self {
        match role {
            Role::Read => Self::Read,
            Role::Write => Self::Write,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<OrgRole> for role::OrgRole {
    fn from(role: OrgRole) -> Self {
        match role {
            OrgRole::User => Self::User,
            OrgRole::Billing => Self::Billing,
            OrgRole::Workspaces => Self::Workspaces,
            OrgRole::Administrators => Self::Administrators,
            OrgRole::Owner => Self::Owner,
        }
    }
}
