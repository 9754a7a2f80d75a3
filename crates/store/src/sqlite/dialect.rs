//! Everything that is specific to SQLite: driver types, how a write begins, how rows are locked, what its error
//! codes mean. The statements in `sql` are plain SQL with `$1` placeholders and use nothing else of the engine.

use crate::StoreError;

/// The driver's marker type.
pub(super) type Db = sqlx::Sqlite;
/// A connection.
pub(super) type Connection = sqlx::SqliteConnection;
/// A row of a result.
pub(super) type Row = sqlx::sqlite::SqliteRow;
/// A statement with its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, sqlx::sqlite::SqliteArguments>;

/// Takes the write lock immediately. A transaction that reads first and writes later could otherwise fail halfway
/// because another process was faster.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Ends a statement that reads rows about which the transaction then decides. SQLite has one writer, so it needs no
/// row locks.
macro_rules! for_update {
    ($($of:literal)?) => {
        ""
    };
}
/// Ends a statement that reads rows which must not be removed before the transaction ends.
macro_rules! for_share {
    () => {
        ""
    };
}
/// The time of the database's clock, in microseconds.
macro_rules! lease_now {
    () => {
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
    };
}
/// Whether a lease can be acquired. A former holder can't be running, because the data directory has a lock.
macro_rules! lease_is_free {
    () => {
        "TRUE"
    };
}
pub(super) use {for_share, for_update, lease_is_free, lease_now};

/// Makes transactions that store change events commit in the order of the events' numbers. With SQLite's one writer
/// they always do.
pub(super) const ORDER_CHANGES: Option<&str> = None;

/// Sends a signal to other processes with the commit. With SQLite there are none.
pub(super) const ORDER_AND_SIGNAL: Option<&str> = None;
pub(super) const SIGNAL: Option<&str> = None;

/// Raises the number that other processes see. With SQLite there are none.
pub(super) const RAISE_GENERATION: Option<&str> = None;

/// A part of a merged list. SQLite reads each part in the order of its index, and merges while reading.
pub(super) fn part_of_union(select: &str, _order_and_limit: &str) -> String {
    select.to_owned()
}

/// The engine's name in backups.
pub(super) const ENGINE: &str = "sqlite";

/// Begins a transaction that reads. In the write-ahead log, it doesn't block writers.
pub(super) const BEGIN_SNAPSHOT: &[&str] = &["BEGIN DEFERRED"];

/// Returns a row if migrations were applied to this database.
pub(super) const FIND_MIGRATIONS: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'";

/// Removes all rows of these tables, of which each follows those that it refers to.
pub(super) fn clear(tables: &[&str]) -> Vec<String> {
    tables.iter().rev().map(|table| format!("DELETE FROM {table}")).collect()
}

/// Returns a row if a transfer into this database was begun and not finished.
pub(super) const FIND_TRANSFER: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'unfinished_transfer'";

/// Continues the numbers after those of the source. SQLite does so by itself unless the table is empty.
pub(super) const AFTER_TRANSFER: &[&str] = &["INSERT INTO sqlite_sequence (name, seq) \
    SELECT 'changes', p.purged_through FROM changes_purged p \
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence s WHERE s.name = 'changes')"];

// Primary result codes, from SQLite's "Result and Error Codes".
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
// SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC and SQLITE_IOERR_SHMSIZE. An exceeded quota or file size limit is reported so,
// because only ENOSPC becomes SQLITE_FULL, and not even that when the index of the log is enlarged.
const WRITES: [u32; 3] = [778, 1034, 4874];
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

/// Maps an error of the driver to what it means for the store's callers.
pub(super) fn error(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::Database(database) => {
            let extended = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
            match extended & 0xff {
                IOERR if WRITES.contains(&extended) => StoreError::DiskFull(Box::new(error)),
                FULL => StoreError::DiskFull(Box::new(error)),
                READONLY => StoreError::ReadOnly(Box::new(error)),
                BUSY | LOCKED | IOERR | CANTOPEN => StoreError::Unavailable(Box::new(error)),
                CORRUPT | NOTADB => StoreError::Damaged(database.message().to_owned()),
                _ => StoreError::Statement(Box::new(error)),
            }
        }
        E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Io(_) => {
            StoreError::Unavailable(Box::new(error))
        }
        E::ColumnDecode { index, .. } => StoreError::Damaged(format!("column {index}")),
        _ => StoreError::Statement(Box::new(error)),
    }
}

/// Whether a unique index rejected the statement.
pub(super) fn is_unique_violation(error: &StoreError) -> bool {
    let StoreError::Statement(source) = error else { return false };
    source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
