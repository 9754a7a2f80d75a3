//! Users.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, UserId};
use bucketry_model::name::Name;
use bucketry_model::role::OrgRole;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::{Row, for_update};
use super::statement::Write;
use crate::Result;
use crate::signal::Signal;
use crate::user::{
    NewPassword, NewUser, PasswordAuthority, User, UserChanged, UserChanges, UserInserted, UserStore,
    UserWithPassword,
};

/// The form in which addresses are compared.
pub(super) fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Reads the columns of a user: `id, org_id, email, first_name, last_name, org_role, validated, created_at`.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<User> {
    Ok(User {
        id: columns.parsed()?,
        org_id: columns.parsed()?,
        email: columns.text()?,
        first_name: columns.name()?,
        last_name: columns.name()?,
        org_role: role(columns)?,
        validated: columns.flag()?,
        created_at: columns.time()?,
    })
}

/// Reads a role in the organization.
pub(super) fn role(columns: &mut Columns<'_>) -> Result<OrgRole> {
    let number = columns.number()?;
    OrgRole::from_number(number).map_err(|_| crate::StoreError::Damaged("column org_role".to_owned()))
}

fn user(row: &Row) -> Result<User> {
    read(&mut Columns::of(row))
}

/// Inserts a user. Returns false if a live user has the address.
pub(super) async fn insert(write: &mut Write, org_id: OrgId, new: &NewUser, now: Timestamp) -> Result<bool> {
    let sql = "INSERT INTO users (id, org_id, email, email_folded, first_name, last_name, org_role, validated, \
               password_hash, must_change_password, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (email_folded) WHERE deleted_at IS NULL DO NOTHING";
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(org_id.to_string())
        .bind(new.email.as_str())
        .bind(folded(&new.email))
        .bind(new.first_name.as_str())
        .bind(new.last_name.as_str())
        .bind(i64::from(new.org_role.number()))
        .bind(new.validated)
        .bind(new.password_hash.as_deref())
        .bind(new.must_change_password)
        .bind(to_micros(now));
    Ok(write.execute(insert).await? > 0)
}

/// Makes decisions about an organization's owners wait for each other.
async fn lock_owners(write: &mut Write, org_id: OrgId) -> Result<()> {
    let sql = concat!("SELECT id FROM organizations WHERE id = $1", for_update!());
    write.row(query(sql).bind(org_id.to_string())).await.map(|_| ())
}

/// The role of a live user of the organization.
async fn role_of(write: &mut Write, org_id: OrgId, id: UserId) -> Result<Option<OrgRole>> {
    let sql = "SELECT org_role FROM users WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
    let row = write.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
    row.map(|row| role(&mut Columns::of(&row))).transpose()
}

async fn is_only_owner(write: &mut Write, org_id: OrgId, id: UserId) -> Result<bool> {
    let sql =
        "SELECT 1 FROM users WHERE org_id = $1 AND org_role = $2 AND deleted_at IS NULL AND id <> $3 LIMIT 1";
    let others =
        query(sql).bind(org_id.to_string()).bind(i64::from(OrgRole::Owner.number())).bind(id.to_string());
    Ok(!write.finds(others).await?)
}

/// Whether a workspace has this user as its only ADMIN. Locks the workspaces in which the user is ADMIN.
async fn is_only_admin_somewhere(write: &mut Write, id: UserId) -> Result<bool> {
    let lock = concat!(
        "SELECT w.id FROM memberships m JOIN workspaces w ON w.id = m.workspace_id \
         WHERE m.user_id = $1 AND m.role = 'ADMIN'",
        for_update!("w")
    );
    write.rows(query(lock).bind(id.to_string())).await?;
    let sql = "SELECT 1 FROM memberships m WHERE m.user_id = $1 AND m.role = 'ADMIN' AND NOT EXISTS \
               (SELECT 1 FROM memberships o WHERE o.workspace_id = m.workspace_id AND o.role = 'ADMIN' \
               AND o.user_id <> m.user_id) LIMIT 1";
    write.finds(query(sql).bind(id.to_string())).await
}

/// Whether the password may still be set: what the request was checked against hasn't changed.
async fn may_set(write: &mut Write, id: UserId, password: &NewPassword) -> Result<bool> {
    let PasswordAuthority::Own { replaces, token } = &password.authority else { return Ok(true) };
    let sql = concat!("SELECT password_hash FROM users WHERE id = $1", for_update!());
    let row = write.row(query(sql).bind(id.to_string())).await?;
    let stored = row.map(|row| Columns::of(&row).optional_text()).transpose()?.flatten();
    let live = "SELECT 1 FROM tokens WHERE id = $1 AND revoked_at IS NULL";
    Ok(stored == *replaces && write.finds(query(live).bind(token.to_string())).await?)
}

/// Ends the user's sessions, except the one that sets the password.
async fn end_sessions(write: &mut Write, id: UserId, password: &NewPassword) -> Result<()> {
    let stays = match &password.authority {
        PasswordAuthority::Own { token, .. } => token.to_string(),
        PasswordAuthority::Reset => String::new(),
    };
    let sql = "UPDATE tokens SET revoked_at = $2 WHERE user_id = $1 AND kind <> 'API' AND revoked_at IS NULL \
               AND id <> $3";
    write.execute(query(sql).bind(id.to_string()).bind(to_micros(password.at)).bind(stays)).await.map(|_| ())
}

#[async_trait]
impl UserStore for SqlStore {
    async fn insert_user(&self, org_id: OrgId, new: &NewUser, audit: &AuditEntry) -> Result<UserInserted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        if !insert(&mut write, org_id, new, now).await? {
            return Ok(UserInserted::EmailTaken);
        }
        write.commit().await?;
        Ok(UserInserted::Inserted)
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<UserWithPassword>> {
        let sql = "SELECT id, org_id, email, first_name, last_name, org_role, validated, created_at, password_hash \
                   FROM users WHERE email_folded = $1 AND deleted_at IS NULL";
        let Some(row) = self.row(query(sql).bind(folded(email))).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(UserWithPassword { user: read(&mut columns)?, password_hash: columns.optional_text()? }))
    }

    async fn user(&self, org_id: OrgId, id: UserId) -> Result<Option<User>> {
        let sql = "SELECT id, org_id, email, first_name, last_name, org_role, validated, created_at FROM users \
                   WHERE id = $1 AND org_id = $2 AND deleted_at IS NULL";
        let row = self.row(query(sql).bind(id.to_string()).bind(org_id.to_string())).await?;
        row.as_ref().map(user).transpose()
    }

    async fn users(&self, org_id: OrgId, after: Option<UserId>, limit: u32) -> Result<Vec<User>> {
        let org = org_id.to_string();
        let first = "SELECT id, org_id, email, first_name, last_name, org_role, validated, created_at \
                     FROM users WHERE org_id = $1 AND deleted_at IS NULL \
                     ORDER BY created_at DESC, id DESC LIMIT $2";
        let later = "SELECT id, org_id, email, first_name, last_name, org_role, validated, created_at \
                     FROM users WHERE org_id = $1 AND deleted_at IS NULL \
                     AND (created_at, id) < ((SELECT a.created_at FROM users a WHERE a.id = $3), $3) \
                     ORDER BY created_at DESC, id DESC LIMIT $2";
        let statement = |limit: i64| match after {
            None => query(first).bind(org.clone()).bind(limit),
            Some(after) => query(later).bind(org.clone()).bind(limit).bind(after.to_string()),
        };
        self.readable_page(limit, statement, user).await
    }

    async fn users_with_role(&self, org_id: OrgId, role: OrgRole, limit: u32) -> Result<Vec<User>> {
        let sql = "SELECT id, org_id, email, first_name, last_name, org_role, validated, created_at FROM users \
                   WHERE org_id = $1 AND org_role = $2 AND deleted_at IS NULL LIMIT $3";
        let sql = query(sql).bind(org_id.to_string()).bind(i64::from(role.number())).bind(i64::from(limit));
        self.rows(sql).await?.iter().map(user).collect()
    }

    async fn update_user(
        &self,
        org_id: OrgId,
        id: UserId,
        changes: &UserChanges,
        audit: &AuditEntry,
    ) -> Result<UserChanged> {
        let mut write = self.write_audited(audit).await?;
        lock_owners(&mut write, org_id).await?;
        let Some(role) = role_of(&mut write, org_id, id).await? else { return Ok(UserChanged::NotFound) };
        let lowered = role == OrgRole::Owner && changes.org_role.is_some_and(|new| new != OrgRole::Owner);
        if lowered && is_only_owner(&mut write, org_id, id).await? {
            return Ok(UserChanged::LastOwner);
        }
        let password = changes.password.as_ref();
        if let Some(password) = password
            && !may_set(&mut write, id, password).await?
        {
            return Ok(UserChanged::Outdated);
        }
        let sql = "UPDATE users SET first_name = COALESCE($2, first_name), last_name = COALESCE($3, last_name), \
                   org_role = COALESCE($4, org_role), password_hash = COALESCE($5, password_hash), \
                   must_change_password = COALESCE($6, must_change_password) WHERE id = $1";
        let update = query(sql)
            .bind(id.to_string())
            .bind(changes.first_name.as_ref().map(Name::as_str))
            .bind(changes.last_name.as_ref().map(Name::as_str))
            .bind(changes.org_role.map(|role| i64::from(role.number())))
            .bind(password.map(|password| password.hash.as_str()))
            .bind(password.map(|password| password.must_change));
        write.execute(update).await?;
        if let Some(password) = password {
            // The user's row is locked by now, so a concurrent sign-in has already inserted its session.
            end_sessions(&mut write, id, password).await?;
        }
        write.signal(Signal::CallersChanged);
        write.commit().await?;
        Ok(UserChanged::Changed)
    }

    async fn delete_user(&self, org_id: OrgId, id: UserId, audit: &AuditEntry) -> Result<UserChanged> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        lock_owners(&mut write, org_id).await?;
        let Some(role) = role_of(&mut write, org_id, id).await? else { return Ok(UserChanged::NotFound) };
        if role == OrgRole::Owner && is_only_owner(&mut write, org_id, id).await? {
            return Ok(UserChanged::LastOwner);
        }
        if is_only_admin_somewhere(&mut write, id).await? {
            return Ok(UserChanged::LastAdmin);
        }
        let (id, now) = (id.to_string(), to_micros(now));
        let remove = "UPDATE users SET deleted_at = $2, password_hash = NULL WHERE id = $1";
        write.execute(query(remove).bind(&id).bind(now)).await?;
        let leave = "DELETE FROM memberships WHERE user_id = $1";
        write.execute(query(leave).bind(&id)).await?;
        let revoke = "UPDATE tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL";
        write.execute(query(revoke).bind(&id).bind(now)).await?;
        write.signal(Signal::CallersChanged);
        write.commit().await?;
        Ok(UserChanged::Changed)
    }
}
