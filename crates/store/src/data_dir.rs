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
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(unavailable)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(data_dir.join(LOCK_FILE))
        .map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(DataDirLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}

pub(crate) fn unavailable(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        StoreError::DiskFull(Box::new(error))
    } else {
        StoreError::Unavailable(Box::new(error))
    }
}
