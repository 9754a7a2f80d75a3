//! Whether writes are taken.

use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use crate::Result;

impl SqlStore {
    /// `Store::check_writes`. A transaction that is undone would not get as far as the disk.
    pub(in super::super) async fn try_write(&self, now: Timestamp) -> Result<()> {
        let mut write = self.write().await?;
        let sql =
            "INSERT INTO write_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at";
        write.execute(query(sql).bind(to_micros(now))).await?;
        write.commit().await
    }
}
