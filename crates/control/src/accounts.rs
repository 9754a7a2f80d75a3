//! Changes to a user's own account, and resets of lost passwords.

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::id::UserId;
use bucketry_model::role::{Caller, OrgRole};
use bucketry_model::secret::Secret;
use bucketry_store::Store;
use bucketry_store::user::{NewPassword, PasswordAuthority, User, UserChanged, UserChanges};
use jiff::SignedDuration;

use crate::access::validated;
use crate::audit::{ChangedUser, Described};
use crate::environment::Environment;
use crate::password::{self, Passwords};
use crate::users::{parse_name, user_changed};
use crate::{Control, Error, FieldError, ResourceKind, Result};

/// How long after signing in a user can change the password without the current one.
const RECENTLY: SignedDuration = SignedDuration::from_mins(5);

/// Changes to an account; `None` leaves a value unchanged.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are those of the request")]
pub struct AccountInput {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Only allowed for one's own account.
    pub password: Option<Secret>,
    /// The password that the new one replaces.
    pub current_password: Option<Secret>,
}

impl Control {
    /// Changes the names and password of the caller's own account, or the names of another user that the caller
    /// manages. A new password ends the caller's other sessions in the same transaction.
    pub async fn update_account(&self, caller: &Caller, id: UserId, input: AccountInput) -> Result<()> {
        let own = caller.user_id == id;
        if caller.must_change_password && !(own && input.password.is_some()) {
            return Err(Error::PasswordChangeRequired(caller.user_id));
        }
        let target = if own {
            may_change_own(caller, &input)?;
            self.profile(caller).await?
        } else {
            let target = self.manageable_user(caller, id).await?;
            if input.password.is_some() {
                return Err(Error::field("password", OTHERS_PASSWORD));
            }
            target
        };
        let mut wrong = Vec::new();
        let first_name = input.first_name.and_then(|text| parse_name("name", &text, &mut wrong));
        let last_name = input.last_name.and_then(|text| parse_name("lastName", &text, &mut wrong));
        if let Some(Err(why)) = input.password.as_ref().map(password::check_strength) {
            wrong.push(FieldError::new("password", why));
        }
        if input.password.is_none() && input.current_password.is_some() {
            wrong.push(FieldError::new(
                "currentPassword",
                "is only used to change the password: send `password` too",
            ));
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        let password = match input.password {
            None => None,
            Some(new) => Some(self.own_password(caller, new, input.current_password).await?),
        };
        let changes = UserChanges { first_name, last_name, org_role: None, password };
        let audit = self.audit_of_account(caller, &target, &changes);
        let changed = self.inner.store.update_user(caller.org_id, id, &changes, &audit).await?;
        user_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(())
    }

    fn audit_of_account(&self, caller: &Caller, target: &User, changes: &UserChanges) -> AuditEntry {
        self.audit_of(caller, AuditKind::User, AuditAction::Updated)
            .of(target.id, &target.email)
            .before(target.described())
            .after(ChangedUser(target, changes).described())
    }

    /// Returns the new password after making sure that the caller knows the current one or has just signed in.
    async fn own_password(
        &self,
        caller: &Caller,
        new: Secret,
        current: Option<Secret>,
    ) -> Result<NewPassword> {
        let store = &self.inner.store;
        let missing = || Error::NotFound(ResourceKind::User);
        let user = store.user(caller.org_id, caller.user_id).await?.ok_or_else(missing)?;
        let stored = store.user_by_email(&user.email).await?.ok_or_else(missing)?.password_hash;
        let passwords = &self.inner.passwords;
        match (current, &stored) {
            (Some(current), Some(hash)) => {
                if !passwords.verify(current, hash.clone()).await? {
                    return Err(Error::CurrentPasswordWrong);
                }
            }
            (_, None) => {}
            (None, Some(_)) => self.signed_in_recently(caller)?,
        }
        if caller.must_change_password
            && let Some(hash) = &stored
            && passwords.verify(new.clone(), hash.clone()).await?
        {
            return Err(Error::field("password", "must differ from the one-time password"));
        }
        Ok(NewPassword {
            hash: passwords.hash(new).await?,
            must_change: false,
            authority: PasswordAuthority::Own { replaces: stored, token: caller.token_id },
            at: self.inner.environment.now(),
        })
    }

    fn signed_in_recently(&self, caller: &Caller) -> Result<()> {
        let age = caller.signed_in_at.map(|at| self.inner.environment.now().duration_since(at));
        // A time in the future, beyond the accepted skew, doesn't prove a recent sign-in.
        match age {
            Some(age) if age.abs() <= RECENTLY => Ok(()),
            Some(_) => Err(Error::field(
                "currentPassword",
                "is required, because you signed in more than 5 minutes ago: send it, or sign in again",
            )),
            None => Err(Error::field("currentPassword", "is required with an API token")),
        }
    }

    /// Replaces another user's password with a one-time password, which must be changed at the next sign-in, and
    /// ends the user's sessions. Requires ADMINISTRATORS, who can reach all data of the organization anyway: with a
    /// lower role, this would open workspaces that the caller can't access.
    pub async fn reset_password(&self, caller: &Caller, id: UserId) -> Result<Secret> {
        if !caller.may_in_org(OrgRole::Administrators) {
            return Err(Error::Forbidden(
                "resetting a password needs the organization role ADMINISTRATORS or higher".to_owned(),
            ));
        }
        if caller.user_id == id {
            return Err(Error::Rule {
                code: "CANNOT_RESET_SELF",
                message: format!(
                    "this is your own account: change its password with PUT /user/{id} or `bucketry user password`"
                ),
            });
        }
        let target = self.manageable_user(caller, id).await?;
        let environment = &self.inner.environment;
        let (password, change) = one_time(environment, &self.inner.passwords).await?;
        let audit = self.audit_of_account(caller, &target, &change);
        let changed = self.inner.store.update_user(caller.org_id, id, &change, &audit).await?;
        user_changed(changed)?;
        self.inner.callers.forget_all();
        Ok(password)
    }
}

impl Control {
    /// Generates a password that follows the password rules, for an account that somebody else creates.
    pub fn one_time_password(&self) -> Result<Secret> {
        Ok(password::generate(self.inner.environment.random()?))
    }
}

fn may_change_own(caller: &Caller, input: &AccountInput) -> Result<()> {
    if caller.scope.is_some() {
        return Err(Error::Forbidden(
            "an API token with a restricted scope can't change an account: log in instead".to_owned(),
        ));
    }
    if input.first_name.is_some() || input.last_name.is_some() { validated(caller) } else { Ok(()) }
}

const OTHERS_PASSWORD: &str = "can only be set by the user: use POST /organization/users/{userId}/reset-password to give \
                               the user a one-time password";

/// Replaces a user's password with a one-time password, for an operator with access to the database who can't sign
/// in to any account. Returns `None` if no user has the address.
///
/// Control planes on the same database accept the user's existing sessions for at most
/// [`REMEMBER`](crate::sessions::REMEMBER) longer.
pub async fn reset_as_operator(
    store: &dyn Store,
    environment: &Environment,
    email: &str,
) -> Result<Option<Secret>> {
    let Some(found) = store.user_by_email(email.trim()).await? else { return Ok(None) };
    let (password, change) = one_time(environment, &Passwords::default()).await?;
    let user = &found.user;
    let audit =
        AuditEntry::new(environment.now(), AuditActor::Operator, AuditKind::User, AuditAction::Updated)
            .in_organization(Some(user.org_id))
            .of(user.id, &user.email)
            .before(user.described())
            .after(ChangedUser(user, &change).described());
    match store.update_user(user.org_id, user.id, &change, &audit).await? {
        UserChanged::NotFound => Ok(None),
        changed => user_changed(changed).map(|()| Some(password)),
    }
}

async fn one_time(environment: &Environment, passwords: &Passwords) -> Result<(Secret, UserChanges)> {
    let password = password::generate(environment.random()?);
    let new = NewPassword {
        hash: passwords.hash(password.clone()).await?,
        must_change: true,
        authority: PasswordAuthority::Reset,
        at: environment.now(),
    };
    Ok((password, UserChanges { password: Some(new), ..UserChanges::default() }))
}
