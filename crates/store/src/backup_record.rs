//! When the registry was last backed up.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Result;

/// Records backups. The record is part of the registry, so a restored registry has that of the backup before.
#[async_trait]
pub trait BackupRecordStore {
    /// When the registry was last backed up. `None` if it never was.
    async fn last_backup(&self) -> Result<Option<Timestamp>>;

    /// Records that the registry was backed up. An earlier time than the recorded one changes nothing.
    async fn record_backup(&self, at: Timestamp) -> Result<()>;
}
