//! Roles, and what each may do. `docs/roles.md` describes the rules of this module. Which role a call needs is stated
//! in its use case in `control`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::{AuditActor, RequestOrigin};
use crate::id::{OrgId, TokenId, UserId, WorkspaceId};

/// A role in an organization. The number on the wire is its rank: a role includes the rights of all lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrgRole {
    /// 0: reaches data only as a member of workspaces.
    User,
    /// 1: has the same rights as USER.
    Billing,
    /// 2: also creates workspaces, and manages users with lower roles.
    Workspaces,
    /// 254: may do everything in the organization, and is ADMIN in each of its workspaces.
    Administrators,
    /// 255: like ADMINISTRATORS, and may appoint other owners, approve nodes, remove nodes of the deployment and rotate the
    /// vault's keys.
    Owner,
}

/// The number is not an organization role; 3 to 253 are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of 0 (USER), 1 (BILLING), 2 (WORKSPACES), 254 (ADMINISTRATORS), 255 (OWNER)")]
pub struct UnknownOrgRole;

impl OrgRole {
    /// Every role, lowest first.
    pub const ALL: [Self; 5] =
        [Self::User, Self::Billing, Self::Workspaces, Self::Administrators, Self::Owner];

    /// The number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Billing => 1,
            Self::Workspaces => 2,
            Self::Administrators => 254,
            Self::Owner => 255,
        }
    }

    /// The role of a number on the wire.
    pub fn from_number(number: i64) -> Result<Self, UnknownOrgRole> {
        Self::ALL.into_iter().find(|role| i64::from(role.number()) == number).ok_or(UnknownOrgRole)
    }

    /// The name of the role.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Billing => "BILLING",
            Self::Workspaces => "WORKSPACES",
            Self::Administrators => "ADMINISTRATORS",
            Self::Owner => "OWNER",
        }
    }

    /// This role and all lower ones, lowest first, as `orgRoles` lists them.
    pub fn and_lower(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |role| *role <= self)
    }

    /// Whether the role sees and administers every workspace of the organization without being a member.
    pub fn is_global(self) -> bool {
        self >= Self::Administrators
    }

    /// Whether a user with this role may grant `granted` to others, or revoke it: only lower roles, except that an
    /// owner may also appoint and dismiss owners.
    pub fn may_grant(self, granted: Self) -> bool {
        self >= Self::Workspaces && (granted < self || self == Self::Owner)
    }
}

impl fmt::Display for OrgRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role in a workspace, or the access level of a repository's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = AccessType))]
pub enum WorkspaceRole {
    /// Reads lists, statuses and statistics.
    Read,
    /// Also creates, updates, validates and deletes buckets and repositories.
    Write,
    /// Also manages the workspace's members and its name.
    Admin,
}

impl WorkspaceRole {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Admin => "ADMIN",
        }
    }
}

impl fmt::Display for WorkspaceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not the name of a workspace role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of READ, WRITE, ADMIN")]
pub struct UnknownWorkspaceRole;

impl FromStr for WorkspaceRole {
    type Err = UnknownWorkspaceRole;
    fn from_str(text: &str) -> Result<Self, UnknownWorkspaceRole> {
        match text {
            "READ" => Ok(Self::Read),
            "WRITE" => Ok(Self::Write),
            "ADMIN" => Ok(Self::Admin),
            _ => Err(UnknownWorkspaceRole),
        }
    }
}

/// The limits of a personal API token, below the rights of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenScope {
    /// The only accessible workspace; `None` means all of the user's.
    pub workspace_id: Option<WorkspaceId>,
    /// The highest role in any workspace.
    pub role: WorkspaceRole,
}

/// An authenticated user, with everything that decides what the user may do.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct Principal {
    pub user_id: UserId,
    /// The e-mail address, for records of what the user does.
    pub email: String,
    /// Organization of the user. Nothing outside of it exists for the caller.
    pub org_id: OrgId,
    /// Role in the organization.
    pub org_role: OrgRole,
    /// Session or API token that authenticated the request.
    pub token_id: TokenId,
    /// Whether the user's e-mail address is verified. Unverified users may not change anything.
    pub validated: bool,
    /// When the user signed in with the password; `None` for API tokens.
    pub signed_in_at: Option<Timestamp>,
    /// Whether somebody else chose the user's password. Until it is changed, a session may do nothing else. API
    /// tokens stay usable.
    pub must_change_password: bool,
    /// Workspaces that the user is a member of, with the roles there.
    pub memberships: BTreeMap<WorkspaceId, WorkspaceRole>,
    /// Limits of the API token, if one was used.
    pub scope: Option<TokenScope>,
}

/// A principal that makes a request. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    principal: Arc<Principal>,
    /// Where the request came from. Nothing is decided by it; it is recorded.
    pub origin: RequestOrigin,
}

impl Caller {
    /// A caller whose request has no known origin.
    pub fn new(principal: Arc<Principal>) -> Self {
        Self { principal, origin: RequestOrigin::default() }
    }

    /// Who is recorded for what the caller does.
    pub fn actor(&self) -> AuditActor {
        AuditActor::User { id: self.user_id, email: self.email.clone(), token_id: Some(self.token_id) }
    }
}

impl Deref for Caller {
    type Target = Principal;
    fn deref(&self) -> &Principal {
        &self.principal
    }
}

/// The workspaces whose resources a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// All workspaces of the organization.
    Organization,
    /// These workspaces, in order and without repetitions.
    Workspaces(Vec<WorkspaceId>),
}

impl Principal {
    /// The caller's role in a workspace of the organization: ADMIN for global roles, otherwise by membership, both
    /// limited by the scope of the token.
    pub fn role_in(&self, workspace: WorkspaceId) -> Option<WorkspaceRole> {
        let own = if self.org_role.is_global() {
            WorkspaceRole::Admin
        } else {
            self.memberships.get(&workspace).copied()?
        };
        match self.scope {
            None => Some(own),
            Some(scope) if scope.workspace_id.is_some_and(|only| only != workspace) => None,
            Some(scope) => Some(own.min(scope.role)),
        }
    }

    /// Whether the caller has at least `needed` in the workspace.
    pub fn may(&self, needed: WorkspaceRole, workspace: WorkspaceId) -> bool {
        self.role_in(workspace).is_some_and(|role| role >= needed)
    }

    /// Whether the caller has at least `needed` in any workspace.
    pub fn may_somewhere(&self, needed: WorkspaceRole) -> bool {
        let Some(only) = self.scope.and_then(|scope| scope.workspace_id) else {
            let own = self.memberships.values().copied().max();
            let own = if self.org_role.is_global() { Some(WorkspaceRole::Admin) } else { own };
            let cut = |own: WorkspaceRole| self.scope.map_or(own, |scope| own.min(scope.role));
            return own.is_some_and(|own| cut(own) >= needed);
        };
        self.may(needed, only)
    }

    /// Whether the caller may act for the organization at `needed` or higher. API tokens with a scope never may,
    /// because they are meant for data.
    pub fn may_in_org(&self, needed: OrgRole) -> bool {
        self.scope.is_none() && self.org_role >= needed
    }

    /// What lists show to the caller.
    pub fn visibility(&self) -> Visibility {
        let only = self.scope.and_then(|scope| scope.workspace_id);
        match (self.org_role.is_global(), only) {
            (true, None) => Visibility::Organization,
            (true, Some(only)) => Visibility::Workspaces(vec![only]),
            (false, None) => Visibility::Workspaces(self.memberships.keys().copied().collect()),
            (false, Some(only)) => {
                Visibility::Workspaces(self.memberships.keys().copied().filter(|id| *id == only).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(n: u8) -> WorkspaceId {
        WorkspaceId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    fn caller(org_role: OrgRole, memberships: &[(WorkspaceId, WorkspaceRole)]) -> Principal {
        Principal {
            user_id: UserId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            email: "ada@example.com".to_owned(),
            org_id: OrgId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            org_role,
            token_id: TokenId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            validated: true,
            signed_in_at: None,
            must_change_password: false,
            memberships: memberships.iter().copied().collect(),
            scope: None,
        }
    }

    #[test]
    fn owners_and_administrators_are_admin_everywhere_and_others_only_where_they_are_members() {
        let (a, b) = (workspace(1), workspace(2));
        for role in [OrgRole::Administrators, OrgRole::Owner] {
            assert_eq!(caller(role, &[]).role_in(a), Some(WorkspaceRole::Admin));
            assert_eq!(caller(role, &[]).visibility(), Visibility::Organization);
        }
        for role in [OrgRole::User, OrgRole::Billing, OrgRole::Workspaces] {
            let member = caller(role, &[(a, WorkspaceRole::Write)]);
            assert!(member.may(WorkspaceRole::Write, a) && !member.may(WorkspaceRole::Admin, a));
            assert_eq!(member.role_in(b), None);
            assert_eq!(member.visibility(), Visibility::Workspaces(vec![a]));
        }
    }

    #[test]
    fn only_lower_roles_may_be_granted_except_that_owners_make_owners() {
        assert!(OrgRole::Owner.may_grant(OrgRole::Owner));
        assert!(OrgRole::Administrators.may_grant(OrgRole::Workspaces));
        assert!(!OrgRole::Administrators.may_grant(OrgRole::Administrators));
        assert!(OrgRole::Workspaces.may_grant(OrgRole::Billing));
        assert!(!OrgRole::Workspaces.may_grant(OrgRole::Workspaces));
        assert!(!OrgRole::Billing.may_grant(OrgRole::User));
    }

    #[test]
    fn a_token_scope_only_ever_takes_away() {
        let (a, b) = (workspace(1), workspace(2));
        let mut owner = caller(OrgRole::Owner, &[]);
        owner.scope = Some(TokenScope { workspace_id: Some(a), role: WorkspaceRole::Read });
        assert_eq!(owner.role_in(a), Some(WorkspaceRole::Read));
        assert_eq!(owner.role_in(b), None);
        assert_eq!(owner.visibility(), Visibility::Workspaces(vec![a]));
        assert!(!owner.may_in_org(OrgRole::User));

        let mut reader = caller(OrgRole::User, &[(b, WorkspaceRole::Read)]);
        reader.scope = Some(TokenScope { workspace_id: None, role: WorkspaceRole::Admin });
        assert_eq!(reader.role_in(b), Some(WorkspaceRole::Read));
        reader.scope = Some(TokenScope { workspace_id: Some(a), role: WorkspaceRole::Admin });
        assert_eq!(reader.visibility(), Visibility::Workspaces(vec![]));
    }

    #[test]
    fn a_role_somewhere_is_the_highest_one_within_the_scope() {
        let (a, b) = (workspace(1), workspace(2));
        let mut member = caller(OrgRole::User, &[(a, WorkspaceRole::Read), (b, WorkspaceRole::Write)]);
        assert!(member.may_somewhere(WorkspaceRole::Write) && !member.may_somewhere(WorkspaceRole::Admin));
        member.scope = Some(TokenScope { workspace_id: None, role: WorkspaceRole::Read });
        assert!(!member.may_somewhere(WorkspaceRole::Write));
        member.scope = Some(TokenScope { workspace_id: Some(a), role: WorkspaceRole::Admin });
        assert!(!member.may_somewhere(WorkspaceRole::Write) && member.may_somewhere(WorkspaceRole::Read));
        assert!(caller(OrgRole::Owner, &[]).may_somewhere(WorkspaceRole::Admin));
        assert!(!caller(OrgRole::Workspaces, &[]).may_somewhere(WorkspaceRole::Read));
    }

    #[test]
    fn reserved_numbers_are_no_roles() {
        for number in [3, 100, 253, 256, -1] {
            assert_eq!(OrgRole::from_number(number), Err(UnknownOrgRole));
        }
        assert_eq!(OrgRole::from_number(254), Ok(OrgRole::Administrators));
    }
}
