//! The errors of a store, classified by what the caller can do about them.

use crate::lease::LeaseName;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be used right now: locked for too long, restarting, or out of connections. Try again
    /// later.
    #[error("the database is not available right now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The data directory, or the database file in it, can't be created or opened: it is missing, it is something else, or
    /// permissions are missing. Check the path.
    #[error("can't use {path}", path = path.display())]
    Directory {
        /// The directory or file.
        path: std::path::PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full or rejects writes. Nothing was stored. Free some space and try again.
    #[error("the database's disk is full or rejects writes")]
    DiskFull(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is read-only: it is a standby, a setting says so, or the file or file system is
    /// write-protected.
    #[error("the database is read-only")]
    ReadOnly(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process has locked the data directory. Stop it, or use another directory.
    #[error(
        "the data directory is in use by another process: stop that server, wait for that `bucketry migrate` or `bucketry \
         restore` to end, or choose another --data-dir"
    )]
    InUse,
    /// A migration is using the database, or used it while this process was connected. Wait until it has ended,
    /// then start again on the database that now contains the registry.
    #[error(
        "`bucketry migrate` is moving this registry, or moved it while this server was disconnected: wait until it \
         has ended, then start the server on the database that now contains the registry"
    )]
    BeingMigrated,
    /// A server or another migration uses the database. Stop it first.
    #[error(
        "a running server, another `bucketry migrate` or a `bucketry restore` uses this database (pg_stat_activity lists it \
         as bucketry): stop it first"
    )]
    UsedByServer,
    /// Another control plane has acquired the lease that the write needs. Nothing was stored. Stop the work.
    #[error("another control plane has taken over {0}")]
    LeaseLost(LeaseName),
    /// A newer version has upgraded the database in a way that this version can't work with. Run that version. The number is that
    /// of the newest migration.
    #[error(
        "this version can't use the database: a newer version of Bucketry has upgraded it (migration {0}); run that version, \
         or restore a backup from before the upgrade"
    )]
    Outdated(i64),
    /// This version can't use the database: another program created it, or a migration was changed. The text says what to
    /// do.
    #[error("this version can't use the database: {0}")]
    Schema(String),
    /// A stored value can't be read: something else changed the database, or it is damaged.
    #[error("the database contains a value that can't be read: {0}")]
    Damaged(String),
    /// The record of a change can't be stored, so the change wasn't either. Repair the table `audit`.
    #[error("the audit record of a change can't be stored")]
    Audit(#[source] Box<StoreError>),
    /// A statement failed for another reason, which is a bug in this program.
    #[error("a database statement failed")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// An error about storing a record. Errors that concern the whole database stay as they are.
    pub(crate) fn for_audit(self) -> Self {
        match self {
            Self::Statement(_) | Self::Damaged(_) | Self::Schema(_) => Self::Audit(Box::new(self)),
            other => other,
        }
    }
}
