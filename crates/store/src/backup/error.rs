//! What can go wrong with a backup. Each message names the file.

use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// An error of a backup, or of a restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The registry can't be read or written.
    #[error(transparent)]
    Registry(#[from] StoreError),
    /// There is a file of that name. It stays as it is. Choose another name.
    #[error("{path} already exists: choose another name", path = .0.display())]
    Exists(PathBuf),
    /// The disk has no room. The incomplete file was removed. Free some space, or choose another disk.
    #[error("the disk of {path} is full, or a quota is used up: free some space, or choose another disk", path = .0.display())]
    DiskFull(PathBuf),
    /// The file can't be written, such as for lack of permissions.
    #[error("can't write {path}", path = path.display())]
    Write {
        /// The backup.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file can't be read.
    #[error("can't read {path}", path = path.display())]
    Read {
        /// The backup.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The file is something else. Choose another file.
    #[error("{path} is not a backup of Bucketry: it begins with something else", path = .0.display())]
    NotABackup(PathBuf),
    /// The file ends too early: the copy is incomplete. Use another copy.
    #[error("{path} is incomplete: its end is missing. Use another copy or another backup", path = .0.display())]
    Truncated(PathBuf),
    /// The file was changed after it was written. Use another copy.
    #[error("{path} is damaged or was altered: {what}. Use another copy or another backup", path = path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What is wrong, and in which line.
        what: String,
    },
    /// A newer version made the backup. Restore it with that version.
    #[error("{path} was made by a newer version of Bucketry ({what}): restore it with that version", path = path.display())]
    Newer {
        /// The backup.
        path: PathBuf,
        /// How that shows.
        what: String,
    },
    /// The registry is a newer version's. Back it up with that version.
    #[error("a newer version of Bucketry has upgraded the registry ({0}): back it up with that version")]
    NewerRegistry(String),
    /// The registry contains only a part of what it should. Finish the migration or the restore first.
    #[error(
        "a `bucketry migrate` or `bucketry restore` into this registry is unfinished: run the same command again, and make \
         the backup afterwards"
    )]
    Unfinished,
    /// The file was changed between the check and its use.
    #[error("{path} was changed while it was read: nothing else may write to it", path = .0.display())]
    Changed(PathBuf),
}

impl BackupError {
    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(path),
            // The latter is what a limit on the size of files is reported as, which tests use in place of a full disk.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull(path)
            }
            _ => Self::Write { path, source },
        }
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}
