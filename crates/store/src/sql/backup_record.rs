//! When the registry was last backed up.

use async_trait::async_trait;
use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::query;

use super::SqlStore;
use super::columns::Columns;
use crate::Result;
use crate::backup_record::BackupRecordStore;

/// Records a backup. Its parameter is the time.
pub(in super::super) const RECORD_BACKUP: &str = "INSERT INTO backups (id, made_at) VALUES (1, $1) \
     ON CONFLICT (id) DO UPDATE SET made_at = excluded.made_at WHERE backups.made_at < excluded.made_at";

#[async_trait]
impl BackupRecordStore for SqlStore {
    async fn last_backup(&self) -> Result<Option<Timestamp>> {
        let row = self.row(query("SELECT made_at FROM backups WHERE id = 1")).await?;
        row.map(|row| Columns::of(&row).time()).transpose()
    }

    async fn record_backup(&self, at: Timestamp) -> Result<()> {
        let mut write = self.write().await?;
        write.execute(query(RECORD_BACKUP).bind(to_micros(at))).await?;
        write.commit().await
    }
}
