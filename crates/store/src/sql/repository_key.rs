//! Access keys of repositories.

use std::cmp::Reverse;
use std::collections::HashMap;

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{OrgId, RepoId, RepoKeyId};
use bucketry_model::name::Name;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::repository::{KeyAccess, RepositoryKey};
use bucketry_model::time::{ACCEPTED_SKEW, to_micros};
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::dialect::Row;
use super::readable::readable;
use super::repository_change::note_change;
use super::statement::{InList, Rows, Write, texts};
use crate::Result;
use crate::repository_key::{KeyInserted, KeyOwner, NewRepositoryKey, RepositoryKeyStore};

/// An empty `org_id` means all organizations.
const USES: Rows<'static> = Rows {
    before: "WITH uses (id, at, org_id, latest) AS (",
    columns: 4,
    after: ") UPDATE repository_keys SET last_used_at = uses.at FROM uses WHERE repository_keys.id = uses.id \
            AND (uses.org_id = '' OR repository_keys.org_id = uses.org_id) \
            AND (repository_keys.last_used_at IS NULL OR repository_keys.last_used_at < uses.at \
            OR repository_keys.last_used_at > uses.latest)",
};

fn key(row: &Row) -> Result<RepositoryKey> {
    let mut columns = Columns::of(row);
    Ok(RepositoryKey {
        id: columns.parsed()?,
        repo_id: columns.parsed()?,
        name: columns.name()?,
        access: columns.parsed()?,
        key: columns.text()?,
        created_at: columns.time()?,
        last_used_at: columns.optional_time()?,
    })
}

/// Revokes all keys of a repository and deletes their secrets.
pub(super) async fn revoke_all(write: &mut Write, id: RepoId, now: Timestamp) -> Result<()> {
    let sql = "UPDATE repository_keys SET revoked_at = $2, secret = NULL, sealed_to = NULL \
               WHERE repo_id = $1 AND revoked_at IS NULL";
    write.execute(query(sql).bind(id.to_string()).bind(to_micros(now))).await.map(|_| ())
}

async fn has_room(write: &mut Write, id: RepoId, at_most: u32) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM repository_keys WHERE repo_id = $1 AND revoked_at IS NULL";
    let row = write.row(query(sql).bind(id.to_string())).await?;
    let live = row.map_or(Ok(0), |row| Columns::of(&row).number())?;
    Ok(live < i64::from(at_most))
}

async fn insert_row(write: &mut Write, new: &NewRepositoryKey, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO repository_keys (id, org_id, repo_id, name, access, access_key, created_at, sealed_to, \
               secret) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let insert = query(sql)
        .bind(new.id.to_string())
        .bind(new.org_id.to_string())
        .bind(new.repo_id.to_string())
        .bind(new.name.as_str())
        .bind(new.access.as_str())
        .bind(new.key.as_str())
        .bind(to_micros(now))
        .bind(new.secret.sealed_to.as_str())
        .bind(new.secret.sealed.as_text());
    write.execute(insert).await.map(|_| ())
}

#[async_trait]
impl RepositoryKeyStore for SqlStore {
    async fn insert_repository_key(
        &self,
        new: &NewRepositoryKey,
        at_most: u32,
        audit: &AuditEntry,
    ) -> Result<KeyInserted> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        if !note_change(&mut write, new.org_id, new.repo_id, now).await? {
            return Ok(KeyInserted::RepositoryNotFound);
        }
        if !has_room(&mut write, new.repo_id, at_most).await? {
            return Ok(KeyInserted::TooMany);
        }
        insert_row(&mut write, new, now).await?;
        write.commit().await?;
        Ok(KeyInserted::Inserted)
    }

    async fn repository_keys(&self, repositories: &[RepoId]) -> Result<Vec<RepositoryKey>> {
        let list = InList::new(
            "SELECT id, repo_id, name, access, access_key, created_at, last_used_at FROM repository_keys \
             WHERE revoked_at IS NULL AND repo_id IN (",
            ")",
        );
        let rows = self.rows_in_list(&list, &texts(repositories)).await?;
        let mut keys = readable(&rows, key)?;
        keys.sort_by_key(|key| (key.repo_id, Reverse((key.created_at, key.id))));
        Ok(keys)
    }

    async fn key_owners(&self, org_id: Option<OrgId>, ids: &[RepoKeyId]) -> Result<Vec<KeyOwner>> {
        let list = InList::new(
            "SELECT k.id, k.org_id, r.workspace_id, k.name, k.access_key FROM repository_keys k \
             JOIN repositories r ON r.id = k.repo_id WHERE k.id IN (",
            ")",
        );
        let mut owners = Vec::new();
        for row in self.rows_in_list(&list, &texts(ids)).await? {
            let mut columns = Columns::of(&row);
            let owner = KeyOwner {
                id: columns.parsed()?,
                org_id: columns.parsed()?,
                workspace_id: columns.parsed()?,
                name: columns.text()?,
                access_key: columns.text()?,
            };
            if org_id.is_none_or(|served| served == owner.org_id) {
                owners.push(owner);
            }
        }
        Ok(owners)
    }

    async fn update_repository_key(
        &self,
        org_id: OrgId,
        repo_id: RepoId,
        id: RepoKeyId,
        name: &Name,
        access: KeyAccess,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let sql = "UPDATE repository_keys SET name = $4, access = $5 \
                   WHERE id = $1 AND repo_id = $2 AND org_id = $3 AND revoked_at IS NULL";
        let update = query(sql)
            .bind(id.to_string())
            .bind(repo_id.to_string())
            .bind(org_id.to_string())
            .bind(name.as_str())
            .bind(access.as_str());
        let updated =
            note_change(&mut write, org_id, repo_id, now).await? && write.execute(update).await? > 0;
        write.commit_if(updated).await?;
        Ok(updated)
    }

    async fn revoke_repository_key(
        &self,
        org_id: OrgId,
        repo_id: RepoId,
        id: RepoKeyId,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let now = audit.at;
        let mut write = self.write_audited(audit).await?;
        let sql = "UPDATE repository_keys SET revoked_at = $4, secret = NULL, sealed_to = NULL \
                   WHERE id = $1 AND repo_id = $2 AND org_id = $3 AND revoked_at IS NULL";
        let revoke = query(sql)
            .bind(id.to_string())
            .bind(repo_id.to_string())
            .bind(org_id.to_string())
            .bind(to_micros(now));
        let revoked =
            note_change(&mut write, org_id, repo_id, now).await? && write.execute(revoke).await? > 0;
        write.commit_if(revoked).await?;
        Ok(revoked)
    }

    async fn note_key_uses(&self, org_id: Option<OrgId>, uses: &[KeyUse], now: Timestamp) -> Result<()> {
        let mut latest: HashMap<RepoKeyId, Timestamp> = HashMap::new();
        for one in uses {
            let at = latest.entry(one.key_id).or_insert(one.at);
            *at = one.at.max(*at);
        }
        // Sorted by id, so that concurrent reports wait for each other instead of deadlocking.
        let mut latest: Vec<(RepoKeyId, Timestamp)> = latest.into_iter().collect();
        latest.sort();
        let org = org_id.map(|id| id.to_string()).unwrap_or_default();
        let known_until = to_micros(now.checked_add(ACCEPTED_SKEW).unwrap_or(Timestamp::MAX));
        let mut write = self.write().await?;
        write
            .insert_rows(&USES, &latest, |values, (id, at)| {
                values.bind(id.to_string()).bind(to_micros(*at)).bind(org.clone()).bind(known_until)
            })
            .await?;
        write.commit().await
    }
}
