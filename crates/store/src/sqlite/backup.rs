//! Reading the database of a data directory for a backup, while another process may be using it.

use std::path::Path;

use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::ConnectOptions as _;

use super::DATABASE_FILE;
use super::dialect;
use super::open::{Options, connecting, must_be_readable};
use super::sql::backup_record::RECORD_BACKUP;
use super::sql::snapshot::SqlSnapshot;
use crate::Result;
use crate::registry_copy::BackupSource;

/// Opens the database in a data directory for a backup. Creates, changes and locks nothing.
pub async fn source(data_dir: &Path) -> Result<Box<dyn BackupSource>> {
    let file = data_dir.join(DATABASE_FILE);
    must_be_readable(&file)?;
    let connecting = connecting(&file, &Options::default()).read_only(true);
    let connection = connecting.connect().await.map_err(dialect::error)?;
    Ok(Box::new(SqlSnapshot::over(connection)))
}

/// Records in the database of a data directory that it was backed up. Works while another process uses the database.
pub async fn record_backup(data_dir: &Path, at: Timestamp) -> Result<()> {
    use sqlx::Connection as _;
    let file = data_dir.join(DATABASE_FILE);
    must_be_readable(&file)?;
    let mut connection = connecting(&file, &Options::default()).connect().await.map_err(dialect::error)?;
    let recorded = sqlx::query(RECORD_BACKUP).bind(to_micros(at)).execute(&mut connection).await;
    // Nothing is lost if the connection can't be closed in an orderly way.
    drop(connection.close().await);
    recorded.map(drop).map_err(dialect::error)
}
