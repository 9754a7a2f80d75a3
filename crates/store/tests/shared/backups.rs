//! Backups and restores, as commands make them.

use std::path::Path;

use bucketry_store::backup::{
    BackupError, BackupHeader, BackupPace, BackupSource, BackupSummary, BackupWriter, CheckedBackup,
    RestoreTarget, check, load,
};
use bucketry_store::transfer::{Cell, Source, StoredTable};
use jiff::Timestamp;

/// Writes a backup of a registry, without a spool and keys.
pub(crate) async fn back_up(
    mut source: Box<dyn BackupSource>,
    to: &Path,
) -> Result<BackupSummary, BackupError> {
    let header = BackupHeader::new(Timestamp::UNIX_EPOCH, "id".to_owned());
    let mut writer = BackupWriter::create(to, &header, BackupPace::Full).await?;
    let migrations = source.begin().await?;
    writer.registry(&mut *source, migrations, None).await?;
    source.close().await;
    writer.finish().await
}

/// Reads a backup to its end.
pub(crate) async fn checked(backup: &Path) -> Result<CheckedBackup, BackupError> {
    check(backup, |_| ()).await
}

/// Loads a backup into an empty registry.
pub(crate) async fn restore(checked: CheckedBackup, to: &dyn RestoreTarget) {
    assert!(to.target().begin_restore(checked.tables()).await.unwrap());
    load(checked, to.target(), |_, _| Ok(()), |_| ()).await.unwrap();
    to.finish().await.unwrap();
    to.close().await;
}

/// All rows of all tables.
pub(crate) async fn contents(store: &dyn Source, tables: &[StoredTable]) -> Vec<(String, Vec<Vec<Cell>>)> {
    let mut contents = Vec::new();
    for table in tables {
        contents.push((table.name.clone(), store.rows_after(table, None, 10_000).await.unwrap()));
    }
    contents
}
