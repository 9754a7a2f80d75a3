//! Users of an organization.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::name::Name;
use bucketry_model::role::OrgRole;
use jiff::Timestamp;

use crate::Result;

/// A user.
#[expect(missing_docs, reason = "the other fields are columns of the user's row")]
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub org_id: OrgId,
    /// The e-mail address as it was entered. Unique among live users of all organizations, ignoring case.
    pub email: String,
    pub first_name: Name,
    pub last_name: Name,
    pub org_role: OrgRole,
    /// Whether the e-mail address is verified.
    pub validated: bool,
    pub created_at: Timestamp,
}

/// A user with the hash of the password.
#[derive(Clone)]
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// The password's hash as a PHC string. `None` if no password was set.
    pub password_hash: Option<String>,
}

/// A user to create.
#[expect(missing_docs, reason = "the other fields are columns of the user's row")]
#[derive(Clone, Debug)]
pub struct NewUser {
    pub id: UserId,
    pub email: String,
    pub first_name: Name,
    pub last_name: Name,
    pub org_role: OrgRole,
    /// Whether the e-mail address counts as verified.
    pub validated: bool,
    /// The password's hash as a PHC string.
    pub password_hash: Option<String>,
    /// Whether somebody else chose the password, so that the user must change it at the first sign-in.
    pub must_change_password: bool,
}

/// The outcome of creating a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserInserted {
    /// The user was created.
    Inserted,
    /// A live user already has this address.
    EmailTaken,
}

/// Who sets a password, and what must still be true when it is stored.
#[derive(Clone, Debug)]
pub enum PasswordAuthority {
    /// The user. Rejected as [`UserChanged::Outdated`] if the password or the token has changed since.
    Own {
        /// The hash that was stored when the request was checked.
        replaces: Option<String>,
        /// The session or API token of the request. It stays valid.
        token: TokenId,
    },
    /// An administrator or the operator. All sessions end.
    Reset,
}

/// A password to set. The user's sessions end in the same transaction. API tokens stay valid.
#[derive(Clone)]
pub struct NewPassword {
    /// The hash as a PHC string.
    pub hash: String,
    /// Whether the user must change the password at the next sign-in.
    pub must_change: bool,
    /// Who sets the password.
    pub authority: PasswordAuthority,
    /// When the password was set.
    pub at: Timestamp,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPassword").field("must_change", &self.must_change).finish_non_exhaustive()
    }
}

/// Changes to a user. Fields that are `None` stay unchanged.
#[expect(missing_docs, reason = "the names are those of the user's columns")]
#[derive(Debug, Clone, Default)]
pub struct UserChanges {
    pub first_name: Option<Name>,
    pub last_name: Option<Name>,
    pub org_role: Option<OrgRole>,
    pub password: Option<NewPassword>,
}

/// The outcome of changing or removing a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChanged {
    /// The user was changed or removed.
    Changed,
    /// There is no such live user in the organization.
    NotFound,
    /// The organization would have no OWNER left.
    LastOwner,
    /// A workspace would have no ADMIN left among its members (on removal only).
    LastAdmin,
    /// Somebody else changed the password, or ended the session of the request, in the meantime.
    Outdated,
}

/// Stores users.
#[async_trait]
pub trait UserStore {
    /// Creates a user in an organization.
    async fn insert_user(&self, org_id: OrgId, new: &NewUser, audit: &AuditEntry) -> Result<UserInserted>;

    /// Returns the live user with this address, ignoring case, in any organization.
    async fn user_by_email(&self, email: &str) -> Result<Option<UserWithPassword>>;

    /// Returns a live user of the organization.
    async fn user(&self, org_id: OrgId, id: UserId) -> Result<Option<User>>;

    /// A page of the organization's live users, newest first, after the given one.
    async fn users(&self, org_id: OrgId, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;

    /// Some live users of the organization with exactly this role, at most `limit`.
    async fn users_with_role(&self, org_id: OrgId, role: OrgRole, limit: u32) -> Result<Vec<User>>;

    /// Changes names, role and password of a user, all or nothing. Refuses to lower the role of the last OWNER,
    /// also if two requests do so at the same time. A new password ends sessions, and makes a concurrent sign-in
    /// with the old one fail.
    async fn update_user(
        &self,
        org_id: OrgId,
        id: UserId,
        changes: &UserChanges,
        audit: &AuditEntry,
    ) -> Result<UserChanged>;

    /// Soft-deletes a user: removes memberships, revokes sessions and tokens, and frees the address.
    async fn delete_user(&self, org_id: OrgId, id: UserId, audit: &AuditEntry) -> Result<UserChanged>;
}
