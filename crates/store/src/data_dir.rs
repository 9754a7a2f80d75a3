//! The data directory, which one process at a time may use and only its owner may read.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::{Result, StoreError};

/// The name of the lock file in the data directory.
pub const LOCK_FILE: &str = "lock";

/// An exclusive lock on a data directory. The operating system releases it when the process ends.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

/// Locks a data directory for this process until the lock is dropped. Creates the directory if necessary.
pub fn lock(data_dir: &Path) -> Result<DataDirLock> {
    let failed = |error| unusable(data_dir, error);
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
    let path = data_dir.join(LOCK_FILE);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| unusable(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(DataDirLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(unusable(&path, error)),
    }
}

/// An error about the directory or a file in it.
pub(crate) fn unusable(path: &Path, error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        StoreError::DiskFull(Box::new(error))
    } else {
        StoreError::Directory { path: path.to_owned(), source: error }
    }
}
