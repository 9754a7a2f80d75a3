//! Failed attempts to enter a password.

use async_trait::async_trait;
use bucketry_model::hex;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use super::statement::{InList, texts};
use crate::login_failure::{AllowanceHash, FailedAttempt, LoginFailureStore};
use crate::{Result, StoreError};

fn hash_of(text: &str) -> Result<AllowanceHash> {
    hex::decode_32(text.as_bytes()).ok_or_else(|| StoreError::Damaged("column hash".to_owned()))
}

#[async_trait]
impl LoginFailureStore for SqlStore {
    async fn login_failures(
        &self,
        hashes: &[AllowanceHash],
        now: Timestamp,
    ) -> Result<Vec<(AllowanceHash, Timestamp)>> {
        let sql =
            "SELECT f.hash, f.complete_at FROM login_failures f WHERE f.complete_at > $1 AND f.hash IN (";
        let list = InList::new(sql, ")").number(to_micros(now));
        let rows = self.rows_in_list(&list, &texts(hashes.iter().map(|hash| hex::encode(hash)))).await?;
        let used = |row| {
            let mut columns = Columns::of(row);
            Ok((hash_of(&columns.text()?)?, columns.time()?))
        };
        rows.iter().map(used).collect()
    }

    async fn record_login_failure(&self, used: &[FailedAttempt], now: Timestamp) -> Result<()> {
        let mut used: Vec<&FailedAttempt> = used.iter().collect();
        // Always in the same order, so that two processes don't wait for each other.
        used.sort_unstable_by_key(|one| one.hash);
        let mut write = self.write().await?;
        for one in used {
            let sql = "INSERT INTO login_failures (hash, complete_at) VALUES ($1, CAST($2 AS BIGINT) + $3) \
                       ON CONFLICT (hash) DO UPDATE SET complete_at = CASE WHEN login_failures.complete_at < $2 THEN $2 \
                       WHEN login_failures.complete_at > $4 THEN $4 ELSE login_failures.complete_at END + $3";
            let at_most = now.saturating_add(one.overdrawn_at_most).unwrap_or(Timestamp::MAX);
            let record = query(sql)
                .bind(hex::encode(&one.hash))
                .bind(to_micros(now))
                .bind(i64::try_from(one.recovers_in.as_micros()).unwrap_or(i64::MAX))
                .bind(to_micros(at_most));
            write.execute(record).await?;
        }
        write.commit().await
    }

    async fn purge_login_failures(&self, before: Timestamp, at_most: u32) -> Result<u64> {
        let mut write = self.write().await?;
        let sql = "DELETE FROM login_failures WHERE hash IN \
                   (SELECT f.hash FROM login_failures f WHERE f.complete_at < $1 LIMIT $2)";
        let removed = write.execute(query(sql).bind(to_micros(before)).bind(i64::from(at_most))).await?;
        write.commit_if(removed > 0).await?;
        Ok(removed)
    }
}
