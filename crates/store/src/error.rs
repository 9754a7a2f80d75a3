//! What can go wrong in a store, told by what the caller can do about it.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database can't be used right now: locked for too long, restarting, out of connections. Try again later.
    #[error("the database is not available right now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk is full, or takes no writes: nothing was stored. Free some space and try again.
    #[error("the database's disk is full, or takes no writes")]
    DiskFull(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database is read-only: a standby, a setting, or a file or file system that may not be written to.
    #[error("the database takes no writes: it is read-only")]
    ReadOnly(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another process holds the data directory. Stop it, or use another directory.
    #[error(
        "the data directory is in use by another process: stop that server, or wait until that `bucketry migrate` has \
         ended, or choose another --data-dir"
    )]
    InUse,
    /// A migration has the database, or had it while this process used it. Start again on the database that the registry
    /// is in when the migration has ended.
    #[error(
        "`bucketry migrate` moves this registry, or moved it while this server was cut off from it: wait until that has \
         ended, then start the server on the database that the registry is in now"
    )]
    BeingMigrated,
    /// A server or another migration uses the database. Stop it first.
    #[error(
        "a running server or another `bucketry migrate` uses this database (pg_stat_activity shows it as bucketry): stop it \
         first"
    )]
    UsedByServer,
    /// A backup's file can't be made: it exists already, its directory doesn't, or may not be written to.
    #[error("the backup's file can't be written")]
    Backup(#[source] std::io::Error),
    /// The database was made by a newer version, or one of its migrations was changed. Run the version that made it.
    #[error("the database's schema is not one that this version knows: {0}")]
    Schema(String),
    /// A stored value can't be read: the database was changed by something else, or is damaged.
    #[error("the database holds a value that can't be read: {0}")]
    Damaged(String),
    /// A statement failed for another reason: a mistake in this program.
    #[error("a database statement failed")]
    Statement(#[source] Box<dyn std::error::Error + Send + Sync>),
}
