//! Checks whether the database accepts writes.

use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use crate::Result;

impl SqlStore {
    /// Implements `Store::check_writes`. Commits, because a transaction that is rolled back may never reach the
    /// disk.
    pub(in super::super) async fn try_write(&self, now: Timestamp) -> Result<()> {
        let mut write = self.write().await?;
        let sql =
            "INSERT INTO write_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at";
        write.execute(query(sql).bind(to_micros(now))).await?;
        write.commit().await
    }
}
