//! Users of an organization.

use async_trait::async_trait;
use bucketry_model::id::{OrgId, UserId};
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
}

/// What came of making a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserInserted {
    /// The user exists now.
    Inserted,
    /// A live user already has the address.
    EmailTaken,
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

    /// Changes a user. Lowering the last OWNER is refused, also when two requests do it at once.
    async fn update_user(&self, org_id: OrgId, id: UserId, changes: &UserChanges) -> Result<UserChanged>;

    /// Sets a user's password hash. Whether the user exists.
    async fn set_password(&self, id: UserId, password_hash: &str) -> Result<bool>;

    /// Removes a user softly: memberships go, sessions and tokens are revoked, the address becomes free.
    async fn delete_user(&self, org_id: OrgId, id: UserId, now: Timestamp) -> Result<UserChanged>;
}
