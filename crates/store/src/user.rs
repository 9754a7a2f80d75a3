//! Users of an organization.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::name::Name;
use bucketry_model::role::OrgRole;
use jiff::Timestamp;

use crate::Result;

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The organization.
    pub org_id: OrgId,
    /// The e-mail address as it was given; unique among live users of all organizations, without letter case.
    pub email: String,
    /// First name.
    pub first_name: Name,
    /// Last name.
    pub last_name: Name,
    /// The role in the organization.
    pub org_role: OrgRole,
    /// Whether the e-mail address is verified.
    pub validated: bool,
    /// When the user was made.
    pub created_at: Timestamp,
}

/// A user with the hash of the password.
#[derive(Clone)]
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// The PHC text of the password's hash; none where no password was set.
    pub password_hash: Option<String>,
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The id.
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// First name.
    pub first_name: Name,
    /// Last name.
    pub last_name: Name,
    /// The role in the organization.
    pub org_role: OrgRole,
    /// Whether the e-mail address is taken for verified.
    pub validated: bool,
    /// The PHC text of the password's hash.
    pub password_hash: Option<String>,
    /// Whether the password was chosen by somebody else and must be changed at the first sign-in.
    pub must_change_password: bool,
}

/// What came of making a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserInserted {
    /// The user exists now.
    Inserted,
    /// A live user already has the address.
    EmailTaken,
}

/// Who sets a password, and what must still be true when it is stored.
#[derive(Clone, Debug)]
pub enum PasswordAuthority {
    /// The user. Refused as [`UserChanged::Outdated`] if the password or the token has changed since.
    Own {
        /// The hash that was read when the request was checked.
        replaces: Option<String>,
        /// The session or API token that the request came with. It stays.
        token: TokenId,
    },
    /// An administrator or the operator. No session stays.
    Reset,
}

/// A password to be set. The user's sessions end in the same transaction; API tokens stay.
#[derive(Clone)]
pub struct NewPassword {
    /// The PHC text of its hash.
    pub hash: String,
    /// Whether the user must change it at the next sign-in.
    pub must_change: bool,
    /// Who sets it.
    pub authority: PasswordAuthority,
    /// When.
    pub at: Timestamp,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPassword").field("must_change", &self.must_change).finish_non_exhaustive()
    }
}

/// Changes to a user; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChanges {
    /// First name.
    pub first_name: Option<Name>,
    /// Last name.
    pub last_name: Option<Name>,
    /// The role in the organization.
    pub org_role: Option<OrgRole>,
    /// The password.
    pub password: Option<NewPassword>,
}

/// What came of changing or removing a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChanged {
    /// Done.
    Changed,
    /// There is no such live user in the organization.
    NotFound,
    /// It would have left the organization without an OWNER.
    LastOwner,
    /// It would have left a workspace without an ADMIN among its members (only on removal).
    LastAdmin,
    /// The password, or the session that asks, was changed by somebody else in the meantime.
    Outdated,
}

/// Keeps users.
#[async_trait]
pub trait UserStore {
    /// Makes a user in an organization.
    async fn insert_user(&self, org_id: OrgId, new: &NewUser, now: Timestamp) -> Result<UserInserted>;

    /// Looks a live user up by address, without letter case, in all organizations.
    async fn user_by_email(&self, email: &str) -> Result<Option<UserWithPassword>>;

    /// Looks a live user of the organization up.
    async fn user(&self, org_id: OrgId, id: UserId) -> Result<Option<User>>;

    /// A page of the organization's live users, newest first, after the given one.
    async fn users(&self, org_id: OrgId, after: Option<UserId>, limit: u32) -> Result<Vec<User>>;

    /// Changes a user: names, role and password together or not at all. Lowering the last OWNER is refused, also when
    /// two requests do it at once. A new password ends sessions, and a sign-in under way with the old one fails.
    async fn update_user(&self, org_id: OrgId, id: UserId, changes: &UserChanges) -> Result<UserChanged>;

    /// Removes a user softly: memberships go, sessions and tokens are revoked, the address becomes free.
    async fn delete_user(&self, org_id: OrgId, id: UserId, now: Timestamp) -> Result<UserChanged>;
}
