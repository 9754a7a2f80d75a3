//! Users of the caller's organization.

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::UserId;
use bucketry_model::name::Name;
use bucketry_model::role::{Caller, OrgRole};
use bucketry_model::secret::Secret;
use bucketry_store::user::{NewUser, User, UserChanged, UserChanges, UserInserted};

use crate::access::{log_resource, validated};
use crate::audit::{ChangedUser, Described};
use crate::{Control, Error, FieldError, ResourceKind, Result, password};

/// The fields of a new user.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct NewUserInput {
    /// E-mail address to log in with.
    pub email: String,
    /// One-time password.
    pub password: Secret,
    pub first_name: String,
    pub last_name: String,
    pub org_role: OrgRole,
}

/// Changes to a user; `None` leaves a value unchanged.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct UserInput {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub org_role: Option<OrgRole>,
}

/// A user's role before and after a change.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names speak for themselves")]
pub struct RoleChange {
    pub previous: OrgRole,
    pub new: OrgRole,
}

impl Control {
    /// Returns a page of the organization's users, newest first.
    pub async fn users(&self, caller: &Caller, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        reads_users(caller)?;
        Ok(self.inner.store.users(caller.org_id, after, limit).await?)
    }

    /// Returns one user with address and names: the caller, or anyone if the caller manages users.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<User> {
        if caller.user_id != id {
            reads_users(caller)?;
        }
        self.inner.store.user(caller.org_id, id).await?.ok_or(Error::NotFound(ResourceKind::User))
    }

    /// Returns the user with this e-mail address, ignoring case. Requires the right to read all users.
    pub async fn user_with_email(&self, caller: &Caller, email: &str) -> Result<Option<User>> {
        reads_users(caller)?;
        self.user_of_organization(caller, email).await
    }

    pub(crate) async fn user_of_organization(&self, caller: &Caller, email: &str) -> Result<Option<User>> {
        let found = self.inner.store.user_by_email(email.trim()).await?;
        Ok(found.map(|found| found.user).filter(|user| user.org_id == caller.org_id))
    }

    /// Returns a user for reading the role. Every member of the organization may read all roles.
    pub async fn user_with_role(&self, caller: &Caller, id: UserId) -> Result<User> {
        if caller.user_id != id && caller.scope.is_some() {
            return Err(Error::Forbidden(
                "an API token with a restricted scope can't read other users: log in instead".to_owned(),
            ));
        }
        self.inner.store.user(caller.org_id, id).await?.ok_or(Error::NotFound(ResourceKind::User))
    }

    /// Checks whether the caller may create users with this role.
    pub fn authorize_user(caller: &Caller, role: OrgRole) -> Result<()> {
        manages_users(caller)?;
        validated(caller)?;
        may_grant(caller, role)
    }

    /// Creates a user.
    pub async fn create_user(&self, caller: &Caller, input: NewUserInput) -> Result<User> {
        Self::authorize_user(caller, input.org_role)?;
        let mut wrong = Vec::new();
        let email = check_email(&input.email, &mut wrong);
        let first_name = parse_name("firstName", &input.first_name, &mut wrong);
        let last_name = parse_name("lastName", &input.last_name, &mut wrong);
        if let Err(why) = password::check_strength(&input.password) {
            wrong.push(FieldError::new("password", why));
        }
        let (Some(email), Some(first_name), Some(last_name), []) =
            (email, first_name, last_name, wrong.as_slice())
        else {
            return Err(Error::Invalid(wrong));
        };
        let new = NewUser {
            id: self.inner.environment.id(UserId::new)?,
            email,
            first_name,
            last_name,
            org_role: input.org_role,
            // There is no mail server to verify the address with, so the administrator vouches for it.
            validated: true,
            password_hash: Some(self.inner.passwords.hash(input.password).await?),
            // The administrator knows the password too.
            must_change_password: true,
        };
        let audit = self
            .audit_of(caller, AuditKind::User, AuditAction::Created)
            .of(new.id, &new.email)
            .after(new.described());
        match self.inner.store.insert_user(caller.org_id, &new, &audit).await? {
            UserInserted::Inserted => {}
            UserInserted::EmailTaken => return Err(Error::EmailTaken),
        }
        self.inner.store.user(caller.org_id, new.id).await?.ok_or(Error::NotFound(ResourceKind::User))
    }

    /// Changes a user's names or role.
    pub async fn update_user(&self, caller: &Caller, id: UserId, input: UserInput) -> Result<User> {
        let target = self.manageable_user(caller, id).await?;
        let mut wrong = Vec::new();
        let first_name = input.first_name.map(|text| parse_name("name", &text, &mut wrong));
        let last_name = input.last_name.map(|text| parse_name("lastName", &text, &mut wrong));
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        if let Some(role) = input.org_role.filter(|role| *role != target.org_role) {
            may_grant(caller, role)?;
        }
        let changes = UserChanges {
            first_name: first_name.flatten(),
            last_name: last_name.flatten(),
            org_role: input.org_role,
            password: None,
        };
        let audit = self
            .audit_of(caller, AuditKind::User, AuditAction::Updated)
            .of(id, &target.email)
            .before(target.described())
            .after(ChangedUser(&target, &changes).described());
        let changed = self.inner.store.update_user(caller.org_id, id, &changes, &audit).await?;
        user_changed(changed)?;
        self.inner.callers.forget_all();
        self.inner.store.user(caller.org_id, id).await?.ok_or(Error::NotFound(ResourceKind::User))
    }

    /// Changes a user's role in the organization.
    pub async fn set_org_role(&self, caller: &Caller, id: UserId, role: OrgRole) -> Result<RoleChange> {
        let previous = self.manageable_user(caller, id).await?.org_role;
        let input = UserInput { org_role: Some(role), ..UserInput::default() };
        let user = self.update_user(caller, id, input).await?;
        Ok(RoleChange { previous, new: user.org_role })
    }

    /// Removes a user. The user's sessions and tokens end immediately.
    pub async fn delete_user(&self, caller: &Caller, id: UserId) -> Result<()> {
        manages_users(caller)?;
        if caller.user_id == id {
            return Err(Error::Rule {
                code: "CANNOT_DELETE_SELF",
                message: "you can't remove yourself: ask another administrator".to_owned(),
            });
        }
        let target = self.manageable_user(caller, id).await?;
        let audit = self
            .audit_of(caller, AuditKind::User, AuditAction::Deleted)
            .of(id, &target.email)
            .before(target.described());
        let changed = self.inner.store.delete_user(caller.org_id, id, &audit).await?;
        user_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(())
    }

    /// Returns another user that the caller may change: one with a lower role, or any for an owner.
    pub(crate) async fn manageable_user(&self, caller: &Caller, id: UserId) -> Result<User> {
        manages_users(caller)?;
        validated(caller)?;
        let target =
            self.inner.store.user(caller.org_id, id).await?.ok_or(Error::NotFound(ResourceKind::User))?;
        log_resource(id, &target.email);
        if caller.org_role.may_grant(target.org_role) {
            return Ok(target);
        }
        Err(Error::Forbidden(format!(
            "with the role {} you can't change a user who has the role {}",
            caller.org_role, target.org_role
        )))
    }
}

fn reads_users(caller: &Caller) -> Result<()> {
    if caller.may_in_org(OrgRole::Workspaces) {
        return Ok(());
    }
    Err(Error::Forbidden(
        "reading the organization's users needs the organization role WORKSPACES or higher".to_owned(),
    ))
}

fn manages_users(caller: &Caller) -> Result<()> {
    if caller.may_in_org(OrgRole::Workspaces) {
        return Ok(());
    }
    Err(Error::Forbidden("managing users needs the organization role WORKSPACES or higher".to_owned()))
}

fn may_grant(caller: &Caller, role: OrgRole) -> Result<()> {
    if caller.org_role.may_grant(role) {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "with the role {} you can't grant the role {role}: ask a user with a higher role",
        caller.org_role
    )))
}

pub(crate) fn user_changed(changed: UserChanged) -> Result<()> {
    match changed {
        UserChanged::Changed => Ok(()),
        UserChanged::NotFound => Err(Error::NotFound(ResourceKind::User)),
        UserChanged::Outdated => Err(Error::Conflict),
        UserChanged::LastOwner => Err(Error::Rule {
            code: "LAST_OWNER",
            message: "this is the last OWNER of the organization: make another user an OWNER first"
                .to_owned(),
        }),
        UserChanged::LastAdmin => Err(Error::Rule {
            code: "LAST_ADMIN",
            message: "this user is the last ADMIN of a workspace: make another member its ADMIN first"
                .to_owned(),
        }),
    }
}

pub(crate) fn parse_name(field: &'static str, text: &str, wrong: &mut Vec<FieldError>) -> Option<Name> {
    Name::parse(text).map_err(|why| wrong.push(FieldError::new(field, why))).ok()
}

/// Whether a text has the minimal form of an address: text, `@`, text, no white space. Only a mail could verify more.
pub fn is_email(text: &str) -> bool {
    text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

/// Checks the form of an address.
pub(crate) fn check_email(text: &str, wrong: &mut Vec<FieldError>) -> Option<String> {
    let text = text.trim();
    let fine = is_email(text);
    if !fine {
        wrong.push(FieldError::new("email", "must be an e-mail address, at most 254 characters long"));
    }
    fine.then(|| text.to_owned())
}
