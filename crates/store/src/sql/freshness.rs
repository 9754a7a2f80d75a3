//! Freshness rules and abandoned uploads.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::freshness::{FreshnessRule, MAX_RULES};
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::time::to_micros;
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

use super::SqlStore;
use super::columns::{Columns, stored};
use super::dialect::{Row, for_update};
use super::statement::Write;
use crate::Result;
use crate::freshness::{AbandonedUploads, FreshnessCheck, FreshnessSet, FreshnessStore, StoredFreshness};

macro_rules! select_rules {
    () => {
        "SELECT r.bucket_id, r.org_id, r.prefix, r.min_bytes, r.max_age_seconds, r.set_at, r.due_at, r.checked_at, \
         r.newest_at, r.stale_since, r.error FROM freshness_rules r "
    };
}

fn rule(row: &Row) -> Result<StoredFreshness> {
    let mut columns = Columns::of(row);
    let (bucket_id, org_id) = (columns.parsed()?, columns.parsed()?);
    let (prefix, min_bytes) = (columns.text()?, columns.narrow()?);
    let max_age = SignedDuration::from_secs(columns.number()?);
    Ok(StoredFreshness {
        bucket_id,
        org_id,
        rule: FreshnessRule { prefix, min_bytes, max_age },
        set_at: columns.time()?,
        due_at: columns.time()?,
        checked_at: columns.optional_time()?,
        newest_at: columns.optional_time()?,
        stale_since: columns.optional_time()?,
        error: columns.optional_text()?,
    })
}

fn uploads(row: &Row) -> Result<AbandonedUploads> {
    let mut columns = Columns::of(row);
    Ok(AbandonedUploads {
        bucket_id: columns.parsed()?,
        count: columns.narrow()?,
        oldest: columns.time()?,
        bytes: columns.optional_narrow()?,
        complete: columns.flag()?,
        found_at: columns.time()?,
    })
}

/// Removes what was found in a bucket, because its location is another one. Its rules stay, and are due.
pub(super) async fn forget_findings(write: &mut Write, id: BucketId, now: Timestamp) -> Result<()> {
    let reset = "UPDATE freshness_rules SET due_at = $2, checked_at = NULL, newest_at = NULL, stale_since = NULL, \
                 error = NULL, set_at = $2 WHERE bucket_id = $1";
    write.execute(query(reset).bind(id.to_string()).bind(to_micros(now))).await?;
    forget_uploads(write, id).await
}

/// Removes the rules of a bucket that is removed, and what was found in it.
pub(super) async fn forget_bucket(write: &mut Write, id: BucketId) -> Result<()> {
    let sql = "DELETE FROM freshness_rules WHERE bucket_id = $1";
    write.execute(query(sql).bind(id.to_string())).await?;
    forget_uploads(write, id).await
}

async fn forget_uploads(write: &mut Write, id: BucketId) -> Result<()> {
    let sql = "DELETE FROM abandoned_uploads WHERE bucket_id = $1";
    write.execute(query(sql).bind(id.to_string())).await.map(drop)
}

/// The organization of a live bucket. The bucket stays as it is until the transaction ends, and other changes of its
/// rules wait.
async fn lock_bucket(write: &mut Write, id: BucketId) -> Result<Option<OrgId>> {
    let sql = concat!("SELECT org_id FROM buckets WHERE id = $1 AND deleted_at IS NULL", for_update!());
    let row = write.row(query(sql).bind(id.to_string())).await?;
    row.map(|row| Columns::of(&row).parsed()).transpose()
}

#[async_trait]
impl FreshnessStore for SqlStore {
    async fn freshness_rules(&self, bucket_id: BucketId) -> Result<Vec<StoredFreshness>> {
        let sql = concat!(select_rules!(), "WHERE r.bucket_id = $1 ORDER BY r.prefix");
        self.rows(query(sql).bind(bucket_id.to_string())).await?.iter().map(rule).collect()
    }

    async fn set_freshness_rule(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        rule: &FreshnessRule,
        audit: &AuditEntry,
    ) -> Result<FreshnessSet> {
        let mut write = self.write_audited(audit).await?;
        if lock_bucket(&mut write, bucket_id).await? != Some(org_id) {
            return Ok(FreshnessSet::NotFound);
        }
        let others = "SELECT r.prefix FROM freshness_rules r WHERE r.bucket_id = $1 AND r.prefix <> $2";
        let others = query(others).bind(bucket_id.to_string()).bind(rule.prefix.clone());
        if write.rows(others).await?.len() >= MAX_RULES {
            return Ok(FreshnessSet::TooMany);
        }
        let sql = "INSERT INTO freshness_rules (bucket_id, prefix, org_id, min_bytes, max_age_seconds, set_at, due_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (bucket_id, prefix) DO UPDATE SET \
                   min_bytes = excluded.min_bytes, max_age_seconds = excluded.max_age_seconds, \
                   set_at = excluded.set_at, due_at = excluded.due_at, checked_at = NULL, newest_at = NULL, \
                   stale_since = NULL, error = NULL";
        let sql = query(sql)
            .bind(bucket_id.to_string())
            .bind(rule.prefix.clone())
            .bind(org_id.to_string())
            .bind(stored(rule.min_bytes))
            .bind(rule.max_age.as_secs())
            .bind(to_micros(audit.at));
        write.execute(sql).await?;
        write.bump_generation(Some(org_id));
        write.commit().await?;
        Ok(FreshnessSet::Set)
    }

    async fn remove_freshness_rule(
        &self,
        org_id: OrgId,
        bucket_id: BucketId,
        prefix: &str,
        audit: &AuditEntry,
    ) -> Result<bool> {
        let mut write = self.write_audited(audit).await?;
        let sql = "DELETE FROM freshness_rules WHERE bucket_id = $1 AND prefix = $2 AND org_id = $3";
        let sql = query(sql).bind(bucket_id.to_string()).bind(prefix.to_owned()).bind(org_id.to_string());
        let removed = write.execute(sql).await? > 0;
        write.bump_generation(Some(org_id));
        write.commit_if(removed).await?;
        Ok(removed)
    }

    async fn due_freshness(&self, now: Timestamp, limit: u32) -> Result<Vec<StoredFreshness>> {
        let sql = concat!(select_rules!(), "WHERE r.due_at <= $1 ORDER BY r.due_at LIMIT $2");
        self.rows(query(sql).bind(to_micros(now)).bind(i64::from(limit))).await?.iter().map(rule).collect()
    }

    async fn claim_freshness(&self, rule: &StoredFreshness, until: Timestamp) -> Result<bool> {
        let mut write = self.write().await?;
        let sql =
            "UPDATE freshness_rules SET due_at = $4 WHERE bucket_id = $1 AND prefix = $2 AND due_at = $3";
        let sql = query(sql)
            .bind(rule.bucket_id.to_string())
            .bind(rule.rule.prefix.clone())
            .bind(to_micros(rule.due_at))
            .bind(to_micros(until));
        let claimed = write.execute(sql).await? > 0;
        write.commit_if(claimed).await?;
        Ok(claimed)
    }

    async fn record_freshness(&self, rule: &StoredFreshness, check: &FreshnessCheck) -> Result<bool> {
        let mut write = self.write().await?;
        let sql = "UPDATE freshness_rules SET checked_at = $4, newest_at = $5, stale_since = $6, error = $7, due_at = $8 \
                   WHERE bucket_id = $1 AND prefix = $2 AND set_at = $3 AND checked_at IS NOT DISTINCT FROM $9";
        let sql = query(sql)
            .bind(rule.bucket_id.to_string())
            .bind(rule.rule.prefix.clone())
            .bind(to_micros(rule.set_at))
            .bind(to_micros(check.at))
            .bind(check.newest_at.map(to_micros))
            .bind(check.stale_since.map(to_micros))
            .bind(check.error.clone())
            .bind(to_micros(check.due_at))
            .bind(rule.checked_at.map(to_micros));
        let recorded = write.execute(sql).await? > 0;
        if check.stale_since.is_some() != rule.stale_since.is_some() {
            write.bump_generation(Some(rule.org_id));
        }
        write.commit_if(recorded).await?;
        Ok(recorded)
    }

    async fn stale_prefixes(&self, org_id: OrgId, limit: u32) -> Result<Vec<StoredFreshness>> {
        let sql = concat!(
            select_rules!(),
            "WHERE r.org_id = $1 AND r.stale_since IS NOT NULL ORDER BY r.stale_since LIMIT $2"
        );
        self.rows(query(sql).bind(org_id.to_string()).bind(i64::from(limit)))
            .await?
            .iter()
            .map(rule)
            .collect()
    }

    async fn set_abandoned_uploads(
        &self,
        bucket_id: BucketId,
        found: Option<&AbandonedUploads>,
    ) -> Result<()> {
        let mut write = self.write().await?;
        let Some(org_id) = lock_bucket(&mut write, bucket_id).await? else { return Ok(()) };
        forget_uploads(&mut write, bucket_id).await?;
        if let Some(found) = found {
            let sql = "INSERT INTO abandoned_uploads (bucket_id, org_id, uploads, oldest_at, bytes, is_complete, found_at) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7)";
            let sql = query(sql)
                .bind(bucket_id.to_string())
                .bind(org_id.to_string())
                .bind(stored(found.count))
                .bind(to_micros(found.oldest))
                .bind(found.bytes.map(stored))
                .bind(found.complete)
                .bind(to_micros(found.found_at));
            write.execute(sql).await?;
        }
        write.bump_generation(Some(org_id));
        write.commit().await
    }

    async fn abandoned_uploads(&self, org_id: OrgId, limit: u32) -> Result<Vec<AbandonedUploads>> {
        let sql = "SELECT u.bucket_id, u.uploads, u.oldest_at, u.bytes, u.is_complete, u.found_at \
                   FROM abandoned_uploads u WHERE u.org_id = $1 ORDER BY u.oldest_at LIMIT $2";
        let sql = query(sql).bind(org_id.to_string()).bind(i64::from(limit));
        self.rows(sql).await?.iter().map(uploads).collect()
    }
}
