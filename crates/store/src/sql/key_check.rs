//! Checks of keys, and keys that open more than their buckets.
//!
//! Checks go through all live buckets by id, in rounds. Ids contain their time, so new buckets are at the end and are
//! checked without waiting for the next round, which in turn leaves out those that were checked as new ones.

use async_trait::async_trait;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::node_protocol::CheckedKey;
use bucketry_model::time::to_micros;
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::{Row, for_update};
use super::statement::Write;
use crate::Result;
use crate::key_check::{BroadKey, DueKeyCheck, KeyCheckStore};

/// The shortest time from the begin of a round to that of the next one.
const ROUND: SignedDuration = SignedDuration::from_hours(24);
/// How old a bucket is when nodes have it.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);

/// How far a round has come.
struct KeyCheckRound {
    began_at: Timestamp,
    /// Buckets that were created from then on until the begin were checked as new ones.
    new_since: Timestamp,
    last_id: String,
}

impl KeyCheckRound {
    /// Begins a round if none ever began, and locks its row.
    async fn lock(write: &mut Write, now: Timestamp) -> Result<Self> {
        let begin = "INSERT INTO key_check_rounds (id, began_at, new_since, last_id) VALUES (1, $1, $1, '') \
                     ON CONFLICT (id) DO NOTHING";
        write.execute(query(begin).bind(to_micros(now))).await?;
        let sql =
            concat!("SELECT began_at, new_since, last_id FROM key_check_rounds WHERE id = 1", for_update!());
        let first = Self { began_at: now, new_since: now, last_id: String::new() };
        let Some(row) = write.row(query(sql)).await? else { return Ok(first) };
        let mut columns = Columns::of(&row);
        Ok(Self { began_at: columns.time()?, new_since: columns.time()?, last_id: columns.text()? })
    }

    /// The round after this one, if it may begin. A begin in the future comes from a wrong clock.
    fn next(&self, now: Timestamp) -> Option<Self> {
        let new_since = self.began_at.max(now - ROUND);
        let next = Self { began_at: now, new_since, last_id: String::new() };
        (now.duration_since(self.began_at).abs() >= ROUND).then_some(next)
    }

    fn leaves_out(&self, id: BucketId) -> bool {
        id.created().is_some_and(|at| self.new_since <= at && at < self.began_at)
    }

    async fn buckets(&self, write: &mut Write, now: Timestamp, limit: u32) -> Result<Vec<DueKeyCheck>> {
        let sql = "SELECT b.id, b.org_id FROM buckets b WHERE b.deleted_at IS NULL AND b.id > $1 AND b.id < $2 \
                   ORDER BY b.id LIMIT $3";
        let end = BucketId::new(now - SETTLED, [0; 10]);
        let select = query(sql).bind(self.last_id.clone()).bind(end.to_string()).bind(i64::from(limit));
        write.rows(select).await?.iter().map(due).collect()
    }

    async fn save(&self, write: &mut Write) -> Result<()> {
        let sql = "UPDATE key_check_rounds SET began_at = $1, new_since = $2, last_id = $3 WHERE id = 1";
        let (began_at, new_since) = (to_micros(self.began_at), to_micros(self.new_since));
        write.execute(query(sql).bind(began_at).bind(new_since).bind(self.last_id.clone())).await.map(drop)
    }
}

fn due(row: &Row) -> Result<DueKeyCheck> {
    let mut columns = Columns::of(row);
    Ok(DueKeyCheck { bucket_id: columns.parsed()?, org_id: columns.parsed()? })
}

fn broad_key(row: &Row) -> Result<BroadKey> {
    let mut columns = Columns::of(row);
    Ok(BroadKey { bucket_id: columns.parsed()?, others: columns.narrow()?, since: columns.time()? })
}

/// Removes what was found about the key of a bucket, because the bucket has another one, another place, or is removed.
pub(super) async fn forget_key(write: &mut Write, id: BucketId) -> Result<()> {
    let sql = "DELETE FROM broad_keys WHERE bucket_id = $1";
    write.execute(query(sql).bind(id.to_string())).await.map(drop)
}

#[async_trait]
impl KeyCheckStore for SqlStore {
    async fn claim_key_checks(&self, now: Timestamp, limit: u32) -> Result<Vec<DueKeyCheck>> {
        let mut write = self.write().await?;
        let mut round = KeyCheckRound::lock(&mut write, now).await?;
        let mut found = round.buckets(&mut write, now, limit).await?;
        if found.is_empty()
            && let Some(next) = round.next(now)
        {
            round = next;
            found = round.buckets(&mut write, now, limit).await?;
        }
        let Some(last) = found.last() else { return Ok(found) };
        round.last_id = last.bucket_id.to_string();
        round.save(&mut write).await?;
        write.commit().await?;
        found.retain(|one| !round.leaves_out(one.bucket_id));
        Ok(found)
    }

    async fn record_key_checks(&self, org_id: OrgId, checked: &[CheckedKey], now: Timestamp) -> Result<()> {
        let mut write = self.write().await?;
        // In one order, because two processes may record at the same time.
        let mut checked: Vec<&CheckedKey> = checked.iter().collect();
        checked.sort_unstable_by_key(|one| one.bucket_id);
        let mut changed = 0;
        for one in checked {
            changed += if one.other_buckets == 0 {
                let sql = "DELETE FROM broad_keys WHERE bucket_id = $1 AND org_id = $2";
                let remove = query(sql).bind(one.bucket_id.to_string()).bind(org_id.to_string());
                write.execute(remove).await?
            } else {
                let sql = "INSERT INTO broad_keys (bucket_id, org_id, others, since) SELECT b.id, b.org_id, $3, $4 \
                           FROM buckets b WHERE b.id = $1 AND b.org_id = $2 AND b.deleted_at IS NULL \
                           AND b.config_version = $5 ON CONFLICT (bucket_id) DO UPDATE SET others = excluded.others \
                           WHERE broad_keys.others <> excluded.others";
                let insert = query(sql)
                    .bind(one.bucket_id.to_string())
                    .bind(org_id.to_string())
                    .bind(stored(one.other_buckets))
                    .bind(to_micros(now))
                    .bind(one.config_version);
                write.execute(insert).await?
            };
        }
        write.bump_generation(Some(org_id));
        write.commit_if(changed > 0).await
    }

    async fn broad_keys(&self, org_id: OrgId, limit: u32) -> Result<Vec<BroadKey>> {
        let sql = "SELECT k.bucket_id, k.others, k.since FROM broad_keys k WHERE k.org_id = $1 \
                   ORDER BY k.since, k.bucket_id LIMIT $2";
        let select = query(sql).bind(org_id.to_string()).bind(i64::from(limit));
        self.rows(select).await?.iter().map(broad_key).collect()
    }
}
