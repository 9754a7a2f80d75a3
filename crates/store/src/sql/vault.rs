//! Sealed secrets as a whole, and the state of their rotation.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{BucketId, ChannelId, OrgId, RepoId, RepoKeyId};
use bucketry_model::node_protocol::{BoundSecret, SecretOwner};
use bucketry_model::secret::SealedSecret;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::Row;
use super::repository_change::note_change;
use super::statement::Write;
use crate::Result;
use crate::bucket::StoredSecret;
use crate::sync::Subject;
use crate::vault::{RotationPhase, RotationState, VaultStore};

const PHASES: [(RotationPhase, &str); 4] = [
    (RotationPhase::NewIdentity, "NEW_IDENTITY"),
    (RotationPhase::Resealing, "RESEALING"),
    (RotationPhase::Retiring, "RETIRING"),
    (RotationPhase::Done, "DONE"),
];

fn phase_text(phase: RotationPhase) -> &'static str {
    PHASES.iter().find(|(one, _)| *one == phase).map_or("DONE", |(_, text)| text)
}

struct NotAPhase;

fn phase(text: &str) -> std::result::Result<RotationPhase, NotAPhase> {
    PHASES.iter().find(|(_, one)| *one == text).map(|(phase, _)| *phase).ok_or(NotAPhase)
}

// The prefixes of a rotation's cursor as it is stored. The id of a bucket has none.
const KEY: &str = "key:";
const REPOSITORY: &str = "repo:";
const CHANNEL: &str = "channel:";

fn position_text(position: SecretOwner) -> String {
    match position {
        SecretOwner::Bucket(id) => id.to_string(),
        SecretOwner::RepositoryKey(id) => format!("{KEY}{id}"),
        SecretOwner::Repository(id) => format!("{REPOSITORY}{id}"),
        SecretOwner::Channel(id) => format!("{CHANNEL}{id}"),
    }
}

fn position(text: &str) -> std::result::Result<SecretOwner, bucketry_model::id::NotAnId> {
    if let Some(id) = text.strip_prefix(KEY) {
        id.parse().map(SecretOwner::RepositoryKey)
    } else if let Some(id) = text.strip_prefix(REPOSITORY) {
        id.parse().map(SecretOwner::Repository)
    } else if let Some(id) = text.strip_prefix(CHANNEL) {
        id.parse().map(SecretOwner::Channel)
    } else {
        text.parse().map(SecretOwner::Bucket)
    }
}

fn bound_secret<Id: std::str::FromStr>(
    row: &Row,
    owner: fn(Id) -> SecretOwner,
) -> Result<(BoundSecret, String)> {
    let mut columns = Columns::of(row);
    let secret = BoundSecret {
        owner: owner(columns.parsed()?),
        org_id: columns.parsed()?,
        secret: SealedSecret::from_text(columns.text()?),
    };
    Ok((secret, columns.text()?))
}

impl SqlStore {
    async fn secrets_of_buckets(
        &self,
        after: Option<BucketId>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>> {
        let sql = "SELECT id, org_id, secret, sealed_to FROM buckets \
                   WHERE sealed_to IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(query(sql).bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(|row| bound_secret(row, SecretOwner::Bucket)).collect()
    }

    async fn secrets_of_keys(
        &self,
        after: Option<RepoKeyId>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>> {
        let sql = "SELECT id, org_id, secret, sealed_to FROM repository_keys \
                   WHERE sealed_to IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(query(sql).bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(|row| bound_secret(row, SecretOwner::RepositoryKey)).collect()
    }

    async fn secrets_of_repositories(
        &self,
        after: Option<RepoId>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>> {
        let sql = "SELECT id, org_id, sealing_key, sealing_key_sealed_to FROM repositories \
                   WHERE sealing_key_sealed_to IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(query(sql).bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(|row| bound_secret(row, SecretOwner::Repository)).collect()
    }

    async fn secrets_of_channels(
        &self,
        after: Option<ChannelId>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>> {
        let sql = "SELECT id, org_id, secret, sealed_to FROM notification_channels \
                   WHERE sealed_to IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.rows(query(sql).bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(|row| bound_secret(row, SecretOwner::Channel)).collect()
    }
}

/// Replaces a bucket's secret if it is still `old`, and records the change. Returns whether it was replaced.
async fn replace_of_bucket(
    write: &mut Write,
    id: BucketId,
    old: &SealedSecret,
    new: &StoredSecret,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE buckets SET secret = $3, sealed_to = $4, version = version + 1 \
               WHERE id = $1 AND secret = $2 AND deleted_at IS NULL RETURNING org_id";
    let update = query(sql)
        .bind(id.to_string())
        .bind(old.as_text())
        .bind(new.sealed.as_text())
        .bind(new.sealed_to.as_str());
    let Some(row) = write.row(update).await? else { return Ok(false) };
    let org_id = Columns::of(&row).parsed()?;
    write.record_change(org_id, Subject::Bucket(id), now);
    write.bump_generation(Some(org_id));
    Ok(true)
}

/// The same for a repository's access key. Records a change of the repository.
async fn replace_of_key(
    write: &mut Write,
    id: RepoKeyId,
    old: &SealedSecret,
    new: &StoredSecret,
    now: Timestamp,
) -> Result<bool> {
    let find =
        "SELECT org_id, repo_id FROM repository_keys WHERE id = $1 AND secret = $2 AND revoked_at IS NULL";
    let find = query(find).bind(id.to_string()).bind(old.as_text());
    let Some(row) = write.row(find).await? else { return Ok(false) };
    let mut columns = Columns::of(&row);
    let (org_id, repo_id): (OrgId, RepoId) = (columns.parsed()?, columns.parsed()?);
    // Locks the repository before the key, in the same order as the revocation of a key does. Otherwise the two
    // could deadlock and the revocation could be the one to fail.
    if !note_change(write, org_id, repo_id, now).await? {
        return Ok(false);
    }
    let update = "UPDATE repository_keys SET secret = $3, sealed_to = $4 \
                  WHERE id = $1 AND secret = $2 AND revoked_at IS NULL";
    let update = query(update)
        .bind(id.to_string())
        .bind(old.as_text())
        .bind(new.sealed.as_text())
        .bind(new.sealed_to.as_str());
    Ok(write.execute(update).await? > 0)
}

/// The same for the sealing key of a repository.
async fn replace_of_repository(
    write: &mut Write,
    id: RepoId,
    old: &SealedSecret,
    new: &StoredSecret,
    now: Timestamp,
) -> Result<bool> {
    let sql = "UPDATE repositories SET sealing_key = $3, sealing_key_sealed_to = $4, version = version + 1 \
               WHERE id = $1 AND sealing_key = $2 AND deleted_at IS NULL RETURNING org_id";
    let update = query(sql)
        .bind(id.to_string())
        .bind(old.as_text())
        .bind(new.sealed.as_text())
        .bind(new.sealed_to.as_str());
    let Some(row) = write.row(update).await? else { return Ok(false) };
    write.record_change(Columns::of(&row).parsed()?, Subject::Repository(id), now);
    Ok(true)
}

/// The same for a notification channel. No node needs it, so no change is recorded.
async fn replace_of_channel(
    write: &mut Write,
    id: ChannelId,
    old: &SealedSecret,
    new: &StoredSecret,
) -> Result<bool> {
    let sql = "UPDATE notification_channels SET secret = $3, sealed_to = $4 WHERE id = $1 AND secret = $2";
    let update = query(sql)
        .bind(id.to_string())
        .bind(old.as_text())
        .bind(new.sealed.as_text())
        .bind(new.sealed_to.as_str());
    Ok(write.execute(update).await? > 0)
}

/// Asks for existing secrets to be sealed again. One that is in progress begins again: `started_at` tells them apart.
pub(super) async fn request_rewrap(write: &mut Write, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO vault_rotation (id, phase, last_secret, total, done, failed, started_at, finished_at) \
               VALUES (2, 'RESEALING', NULL, 0, 0, 0, $1, NULL) ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, \
               last_secret = NULL, total = 0, done = 0, failed = 0, finished_at = NULL, \
               started_at = CASE WHEN excluded.started_at > vault_rotation.started_at THEN excluded.started_at \
               ELSE vault_rotation.started_at + 1 END";
    write.execute(query(sql).bind(to_micros(now))).await.map(|_| ())
}

fn rotation_state(row: &Row) -> Result<RotationState> {
    let mut columns = Columns::of(row);
    Ok(RotationState {
        phase: columns.read(phase)?,
        cursor: columns.optional_read(position)?,
        total: columns.narrow()?,
        done: columns.narrow()?,
        failed: columns.narrow()?,
        started_at: columns.time()?,
        finished_at: columns.optional_time()?,
    })
}

async fn store_rotation(write: &mut Write, state: &RotationState) -> Result<()> {
    let sql = "INSERT INTO vault_rotation (id, phase, last_secret, total, done, failed, started_at, finished_at) \
               VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET phase = excluded.phase, \
               last_secret = excluded.last_secret, total = excluded.total, done = excluded.done, \
               failed = excluded.failed, started_at = excluded.started_at, finished_at = excluded.finished_at";
    let upsert = query(sql)
        .bind(phase_text(state.phase))
        .bind(state.cursor.map(position_text))
        .bind(stored(state.total))
        .bind(stored(state.done))
        .bind(stored(state.failed))
        .bind(to_micros(state.started_at))
        .bind(state.finished_at.map(to_micros));
    write.execute(upsert).await.map(|_| ())
}

#[async_trait]
impl VaultStore for SqlStore {
    async fn count_secrets(&self) -> Result<u64> {
        let sql = "SELECT (SELECT COUNT(*) FROM buckets WHERE sealed_to IS NOT NULL) \
                   + (SELECT COUNT(*) FROM repository_keys WHERE sealed_to IS NOT NULL) \
                   + (SELECT COUNT(*) FROM repositories WHERE sealing_key_sealed_to IS NOT NULL) \
                   + (SELECT COUNT(*) FROM notification_channels WHERE sealed_to IS NOT NULL)";
        self.row(query(sql)).await?.map_or(Ok(0), |row| Columns::of(&row).narrow())
    }

    async fn secrets_after(
        &self,
        after: Option<SecretOwner>,
        limit: u32,
    ) -> Result<Vec<(BoundSecret, String)>> {
        let bucket = match after {
            None => Some(None),
            Some(SecretOwner::Bucket(id)) => Some(Some(id)),
            Some(_) => None,
        };
        if let Some(after) = bucket {
            let page = self.secrets_of_buckets(after, limit).await?;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        let (key, repository) = match after {
            Some(SecretOwner::Channel(id)) => return self.secrets_of_channels(Some(id), limit).await,
            Some(SecretOwner::Repository(id)) => (None, Some(id)),
            Some(SecretOwner::RepositoryKey(id)) => (Some(id), None),
            _ => (None, None),
        };
        if repository.is_none() {
            let page = self.secrets_of_keys(key, limit).await?;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        let page = self.secrets_of_repositories(repository, limit).await?;
        if page.is_empty() { self.secrets_of_channels(None, limit).await } else { Ok(page) }
    }

    async fn replace_secrets(
        &self,
        replacements: &[(SecretOwner, SealedSecret, StoredSecret)],
        now: Timestamp,
    ) -> Result<u64> {
        let mut write = self.write().await?;
        let mut replaced = 0;
        for (owner, old, new) in replacements {
            let done = match owner {
                SecretOwner::Bucket(id) => replace_of_bucket(&mut write, *id, old, new, now).await?,
                SecretOwner::RepositoryKey(id) => replace_of_key(&mut write, *id, old, new, now).await?,
                SecretOwner::Repository(id) => replace_of_repository(&mut write, *id, old, new, now).await?,
                SecretOwner::Channel(id) => replace_of_channel(&mut write, *id, old, new).await?,
            };
            replaced += u64::from(done);
        }
        write.commit().await?;
        Ok(replaced)
    }

    async fn rotation(&self) -> Result<Option<RotationState>> {
        let sql = "SELECT phase, last_secret, total, done, failed, started_at, finished_at FROM vault_rotation \
                   WHERE id = 1";
        self.row(query(sql)).await?.as_ref().map(rotation_state).transpose()
    }

    async fn begin_rotation(&self, state: &RotationState, audit: &AuditEntry) -> Result<()> {
        let mut write = self.write_audited(audit).await?;
        store_rotation(&mut write, state).await?;
        write.commit().await
    }

    async fn set_rotation(&self, state: &RotationState) -> Result<()> {
        let mut write = self.write().await?;
        store_rotation(&mut write, state).await?;
        write.commit().await
    }

    async fn rewrap(&self) -> Result<Option<RotationState>> {
        let sql = "SELECT phase, last_secret, total, done, failed, started_at, finished_at FROM vault_rotation \
                   WHERE id = 2";
        self.row(query(sql)).await?.as_ref().map(rotation_state).transpose()
    }

    async fn set_rewrap(&self, state: &RotationState) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE vault_rotation SET phase = $2, last_secret = $3, total = $4, done = $5, failed = $6, \
                   finished_at = $7 WHERE id = 2 AND started_at = $1";
        let update = query(sql)
            .bind(to_micros(state.started_at))
            .bind(phase_text(state.phase))
            .bind(state.cursor.map(position_text))
            .bind(stored(state.total))
            .bind(stored(state.done))
            .bind(stored(state.failed))
            .bind(state.finished_at.map(to_micros));
        let is_stored = write.execute(update).await? > 0;
        write.commit().await?;
        Ok(is_stored)
    }
}
