//! Consistent copies of a database that is in use.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bucketry_model::time::to_micros;
use jiff::Timestamp;
use sqlx::Pool;

use super::DATABASE_FILE;
use super::dialect::{self, Db};
use super::open::{Options, connecting};
use super::sql::backup_record::RECORD_BACKUP;
use crate::{Result, StoreError};

/// Writes a consistent copy of the database in a data directory to a new file. Works while another process uses the
/// database. The file must not exist. Only its owner can read it.
pub async fn backup(data_dir: &Path, to: &Path) -> Result<()> {
    let options = connecting(&data_dir.join(DATABASE_FILE), &Options::default()).read_only(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
    let copied = copy(&pool, to).await;
    pool.close().await;
    copied
}

/// Records in the database of a data directory that it was backed up. Works while another process uses the database.
pub async fn record_backup(data_dir: &Path, at: Timestamp) -> Result<()> {
    let options = connecting(&data_dir.join(DATABASE_FILE), &Options::default());
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_lazy_with(options);
    let recorded = sqlx::query(RECORD_BACKUP).bind(to_micros(at)).execute(&pool).await;
    pool.close().await;
    recorded.map(drop).map_err(dialect::error)
}

/// Copies into a temporary file beside the target, so the target is either complete or absent.
pub(super) async fn copy(from: &Pool<Db>, to: &Path) -> Result<()> {
    if to.try_exists().map_err(StoreError::Backup)? {
        return Err(StoreError::Backup(io::ErrorKind::AlreadyExists.into()));
    }
    let unfinished = Unfinished::beside(to).map_err(StoreError::Backup)?;
    let path = unfinished.0.to_str().ok_or(StoreError::Backup(io::ErrorKind::InvalidFilename.into()))?;
    sqlx::query("VACUUM INTO $1").bind(path).execute(from).await.map_err(dialect::error)?;
    unfinished.finish(to).map_err(StoreError::Backup)
}

/// A temporary file that is removed when dropped.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(to: &Path) -> io::Result<Self> {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let path = to.with_file_name(name);
        // SQLite writes into an existing empty file and keeps its mode. A file that it creates itself would be
        // readable by everybody.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self(path))
    }

    fn finish(self, to: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        // Unlike a rename, a hard link never replaces a file that was created in the meantime.
        fs::hard_link(&self.0, to)?;
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(file = %self.0.display(), %error, "can't remove the temporary file of a backup");
        }
    }
}
