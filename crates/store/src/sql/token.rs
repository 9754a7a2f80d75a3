//! Sessions, their refresh tokens, sessions of browsers, and API tokens.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::hex;
use bucketry_model::id::{OrgId, TokenId, UserId};
use bucketry_model::role::{Principal, TokenScope, WorkspaceRole};
use bucketry_model::time::{is_ahead, to_micros};
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

use super::columns::Columns;
use super::dialect::{Row, for_share, for_update};
use super::readable::{note_left_out, readable};
use super::statement::Write;
use super::{SqlStore, user};
use crate::signal::Signal;
use crate::token::{
    BrowserSession, NewToken, Rotation, TokenHash, TokenKind, TokenRecord, TokenState, TokenStore,
};
use crate::{Result, StoreError};

fn kind_text(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Session => "SESSION",
        TokenKind::Api => "API",
        TokenKind::Browser => "BROWSER",
    }
}

struct UnknownTokenKind;

fn kind(text: &str) -> std::result::Result<TokenKind, UnknownTokenKind> {
    [TokenKind::Session, TokenKind::Api, TokenKind::Browser]
        .into_iter()
        .find(|kind| kind_text(*kind) == text)
        .ok_or(UnknownTokenKind)
}

/// Reads `scope_workspace_id, scope_role`.
fn scope(columns: &mut Columns<'_>) -> Result<Option<TokenScope>> {
    let workspace_id = columns.optional_parsed()?;
    let role: Option<WorkspaceRole> = columns.optional_parsed()?;
    Ok(role.map(|role| TokenScope { workspace_id, role }))
}

fn record(row: &Row) -> Result<TokenRecord> {
    let mut columns = Columns::of(row);
    Ok(TokenRecord {
        id: columns.parsed()?,
        user_id: columns.parsed()?,
        kind: columns.read(kind)?,
        name: columns.text()?,
        scope: scope(&mut columns)?,
        created_at: columns.time()?,
        last_used_at: columns.optional_time()?,
        expires_at: columns.optional_time()?,
    })
}

async fn add_refresh_token(
    write: &mut Write,
    id: &str,
    hash: &TokenHash,
    expires_at: Option<Timestamp>,
) -> Result<()> {
    let sql = "INSERT INTO refresh_tokens (hash, token_id, is_current, expires_at) VALUES ($1, $2, TRUE, $3)";
    let insert = query(sql).bind(hex::encode(hash)).bind(id).bind(expires_at.map(to_micros));
    write.execute(insert).await.map(|_| ())
}

async fn revoke(write: &mut Write, id: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    write.execute(query(sql).bind(id).bind(to_micros(now))).await.map(|_| ())
}

async fn insert(write: &mut Write, new: &NewToken, now: Timestamp) -> Result<()> {
    let id = new.id.to_string();
    let has_refresh_token = new.kind == TokenKind::Session;
    let sql = "INSERT INTO tokens (id, org_id, user_id, kind, name, scope_workspace_id, scope_role, api_hash, \
               created_at, expires_at, network) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let insert = query(sql)
        .bind(&id)
        .bind(new.org_id.to_string())
        .bind(new.user_id.to_string())
        .bind(kind_text(new.kind))
        .bind(new.name.as_str())
        .bind(new.scope.and_then(|scope| scope.workspace_id).map(|id| id.to_string()))
        .bind(new.scope.map(|scope| scope.role.as_str()))
        .bind((!has_refresh_token).then(|| hex::encode(&new.hash)))
        .bind(to_micros(now))
        .bind(new.expires_at.map(to_micros))
        .bind(new.network.as_deref());
    write.execute(insert).await?;
    if has_refresh_token {
        add_refresh_token(write, &id, &new.hash, new.expires_at).await?;
    }
    Ok(())
}

#[async_trait]
impl TokenStore for SqlStore {
    async fn insert_token(&self, new: &NewToken, audit: &AuditEntry) -> Result<()> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        insert(&mut write, new, now).await?;
        write.commit().await
    }

    async fn open_session(&self, new: &NewToken, password_hash: &str, audit: &AuditEntry) -> Result<bool> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let sql = concat!(
            "SELECT 1 FROM users WHERE id = $1 AND password_hash = $2 AND deleted_at IS NULL",
            for_share!()
        );
        if !write.finds(query(sql).bind(new.user_id.to_string()).bind(password_hash)).await? {
            return Ok(false);
        }
        insert(&mut write, new, now).await?;
        write.commit().await?;
        Ok(true)
    }

    async fn signed_in_from(
        &self,
        email: &str,
        network: &str,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let sql = "SELECT 1 FROM users u JOIN tokens t ON t.user_id = u.id \
                   WHERE u.email_folded = $1 AND u.deleted_at IS NULL AND t.network = $2 \
                   AND t.created_at > $3 AND t.created_at <= $4 LIMIT 1";
        let find =
            query(sql).bind(user::folded(email)).bind(network).bind(to_micros(after)).bind(to_micros(until));
        Ok(self.row(find).await?.is_some())
    }

    async fn caller(&self, id: TokenId, now: Timestamp) -> Result<Option<Principal>> {
        let sql = "SELECT u.id, u.org_id, u.email, u.org_role, u.validated, u.must_change_password, t.kind, t.created_at, \
                   t.scope_workspace_id, t.scope_role, m.workspace_id, m.role \
                   FROM tokens t JOIN users u ON u.id = t.user_id LEFT JOIN memberships m ON m.user_id = u.id \
                   WHERE t.id = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2) \
                   AND u.deleted_at IS NULL";
        let mut caller: Option<Principal> = None;
        for row in self.rows(query(sql).bind(id.to_string()).bind(to_micros(now))).await? {
            let mut columns = Columns::of(&row);
            let (user_id, org_id, email) = (columns.parsed()?, columns.parsed()?, columns.text()?);
            let (org_role, validated) = (user::role(&mut columns)?, columns.flag()?);
            let (must_change, kind, created_at) = (columns.flag()?, columns.read(kind)?, columns.time()?);
            let is_session = kind.is_session();
            let mut read = Principal {
                user_id,
                email,
                org_id,
                org_role,
                token_id: id,
                validated,
                signed_in_at: is_session.then_some(created_at),
                must_change_password: is_session && must_change,
                scope: scope(&mut columns)?,
                memberships: caller.take().map_or_else(BTreeMap::new, |before| before.memberships),
            };
            if let Some(workspace) = columns.optional_parsed()? {
                // A role of a newer version gives no access here.
                match columns.parsed() {
                    Ok(role) => drop(read.memberships.insert(workspace, role)),
                    Err(StoreError::Damaged(what)) => note_left_out(&what),
                    Err(other) => return Err(other),
                }
            }
            caller = Some(read);
        }
        Ok(caller)
    }

    async fn api_token(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<(TokenId, TokenState)>> {
        let sql = "SELECT id, revoked_at, expires_at FROM tokens WHERE api_hash = $1 AND kind = 'API'";
        let Some(row) = self.row(query(sql).bind(hex::encode(hash))).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let (id, revoked_at, expires_at) =
            (columns.parsed()?, columns.optional_time()?, columns.optional_time()?);
        let state = match (revoked_at, expires_at) {
            (Some(_), _) => TokenState::Revoked,
            (None, Some(end)) if end <= now => TokenState::Expired,
            (None, _) => TokenState::Live,
        };
        Ok(Some((id, state)))
    }

    async fn browser_session(&self, hash: &TokenHash, now: Timestamp) -> Result<Option<BrowserSession>> {
        let sql = "SELECT id, created_at, last_used_at, expires_at FROM tokens \
                   WHERE api_hash = $1 AND kind = 'BROWSER' AND revoked_at IS NULL AND expires_at > $2";
        let find = query(sql).bind(hex::encode(hash)).bind(to_micros(now));
        let Some(row) = self.row(find).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        Ok(Some(BrowserSession {
            id: columns.parsed()?,
            created_at: columns.time()?,
            extended_at: columns.optional_time()?,
            expires_at: columns.time()?,
        }))
    }

    async fn extend_browser_session(
        &self,
        id: TokenId,
        expires_at: Timestamp,
        unless_since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE tokens SET last_used_at = $3, expires_at = $2 WHERE id = $1 AND kind = 'BROWSER' \
                   AND revoked_at IS NULL AND expires_at > $3 AND COALESCE(last_used_at, created_at) < $4";
        let update = query(sql)
            .bind(id.to_string())
            .bind(to_micros(expires_at))
            .bind(to_micros(now))
            .bind(to_micros(unless_since));
        let moved = write.execute(update).await?;
        write.commit_if(moved > 0).await?;
        Ok(moved > 0)
    }

    async fn replace_browser_value(&self, id: TokenId, hash: &TokenHash, now: Timestamp) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE tokens SET api_hash = $2 WHERE id = $1 AND kind = 'BROWSER' AND revoked_at IS NULL \
                   AND expires_at > $3";
        let update = query(sql).bind(id.to_string()).bind(hex::encode(hash)).bind(to_micros(now));
        let replaced = write.execute(update).await?;
        write.signal(Signal::CallersChanged);
        write.commit_if(replaced > 0).await?;
        Ok(replaced > 0)
    }

    async fn rotate_refresh_token(
        &self,
        old: &TokenHash,
        new: &TokenHash,
        expires_at: Timestamp,
        longest: SignedDuration,
        now: Timestamp,
    ) -> Result<Rotation> {
        let mut write = self.write().await?;
        let sql = concat!(
            "SELECT t.id, t.user_id, t.org_id, t.expires_at, t.created_at, r.is_current FROM refresh_tokens r \
             JOIN tokens t ON t.id = r.token_id WHERE r.hash = $1 AND t.revoked_at IS NULL",
            for_update!()
        );
        let Some(row) = write.row(query(sql).bind(hex::encode(old))).await? else {
            return Ok(Rotation::Unknown);
        };
        let mut columns = Columns::of(&row);
        let (id, user_id, org_id): (TokenId, UserId, OrgId) =
            (columns.parsed()?, columns.parsed()?, columns.parsed()?);
        // A session that ends later than one that begins now was created by a clock that was ahead.
        let ended = columns.optional_time()?.is_some_and(|end| end <= now || is_ahead(end, expires_at));
        let last_end = columns.time()?.min(now).checked_add(longest).unwrap_or(expires_at);
        let expires_at = expires_at.min(last_end);
        if ended || expires_at <= now {
            return Ok(Rotation::Unknown);
        }
        let id_text = id.to_string();
        if !columns.flag()? {
            revoke(&mut write, &id_text, now).await?;
            write.signal(Signal::CallersChanged);
            write.commit().await?;
            return Ok(Rotation::Reused { id, user_id, org_id });
        }
        let retire = "UPDATE refresh_tokens SET is_current = FALSE WHERE hash = $1";
        write.execute(query(retire).bind(hex::encode(old))).await?;
        add_refresh_token(&mut write, &id_text, new, Some(expires_at)).await?;
        let renew = "UPDATE tokens SET last_used_at = $2, expires_at = $3 WHERE id = $1";
        write.execute(query(renew).bind(&id_text).bind(to_micros(now)).bind(to_micros(expires_at))).await?;
        write.commit().await?;
        Ok(Rotation::Rotated { id, user_id, org_id, expires_at })
    }

    async fn session_of_refresh_token(&self, hash: &TokenHash) -> Result<Option<TokenId>> {
        let sql = "SELECT token_id FROM refresh_tokens WHERE hash = $1";
        let row = self.row(query(sql).bind(hex::encode(hash))).await?;
        row.map(|row| Columns::of(&row).parsed()).transpose()
    }

    async fn tokens(&self, user_id: UserId, now: Timestamp) -> Result<Vec<TokenRecord>> {
        let sql = "SELECT id, user_id, kind, name, scope_workspace_id, scope_role, created_at, last_used_at, \
                   expires_at FROM tokens WHERE user_id = $1 AND revoked_at IS NULL \
                   AND (expires_at IS NULL OR expires_at > $2) ORDER BY created_at DESC, id DESC";
        let rows = self.rows(query(sql).bind(user_id.to_string()).bind(to_micros(now))).await?;
        readable(&rows, record)
    }

    async fn revoke_token(&self, user_id: UserId, id: TokenId, audit: &AuditEntry) -> Result<bool> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let sql = "UPDATE tokens SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL \
                   AND (expires_at IS NULL OR expires_at > $3)";
        let update = query(sql).bind(id.to_string()).bind(user_id.to_string()).bind(to_micros(now));
        let revoked = write.execute(update).await?;
        write.signal(Signal::CallersChanged);
        write.commit_if(revoked > 0).await?;
        Ok(revoked > 0)
    }

    async fn purge_tokens(&self, before: Timestamp) -> Result<u64> {
        let mut write = self.write().await?;
        let before = to_micros(before);
        let revoked = "DELETE FROM tokens WHERE revoked_at IS NOT NULL AND revoked_at < $1";
        let mut removed = write.execute(query(revoked).bind(before)).await?;
        let expired = "DELETE FROM tokens WHERE expires_at IS NOT NULL AND expires_at < $1";
        removed += write.execute(query(expired).bind(before)).await?;
        // Former refresh tokens of live sessions. An expired one need not be recognised.
        let former = "DELETE FROM refresh_tokens WHERE expires_at IS NOT NULL AND expires_at < $1";
        write.execute(query(former).bind(before)).await?;
        write.commit().await?;
        Ok(removed)
    }
}
