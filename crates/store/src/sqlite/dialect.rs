//! What is SQLite's own: driver types, how a write begins, how rows are locked, what its error codes mean. The
//! statements in `sql` are plain SQL with `$1` placeholders and name nothing else of the engine.

use crate::StoreError;

pub(super) use super::row_values::RowValues;

/// The driver's marker type.
pub(super) type Db = sqlx::Sqlite;
/// A connection.
pub(super) type Connection = sqlx::SqliteConnection;
/// A row of an answer.
pub(super) type Row = sqlx::sqlite::SqliteRow;
/// A statement with its parameters.
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, sqlx::sqlite::SqliteArguments>;

/// Takes the write lock at once: a transaction that reads first and writes later could otherwise find, halfway, that
/// another process was faster.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Ends a statement that reads rows which the transaction goes on to decide about. SQLite's one writer needs no row
/// locks.
macro_rules! for_update {
    ($($of:literal)?) => {
        ""
    };
}
/// Ends a statement that reads rows which must not go away before the transaction ends.
macro_rules! for_share {
    () => {
        ""
    };
}
pub(super) use {for_share, for_update};

/// Makes transactions that announce changes commit in the order of their numbers. SQLite's one writer does.
pub(super) const ORDER_CHANGES: Option<&str> = None;

/// Raises the number that other processes see: there are none.
pub(super) const RAISE_GENERATION: Option<&str> = None;

/// A part of a merged list: SQLite reads each in the order of its index, and merges as it goes.
pub(super) fn part_of_union(select: &str, _order_and_limit: &str) -> String {
    select.to_owned()
}

/// Finds something where a transfer into this database was begun and not ended.
pub(super) const FIND_TRANSFER: &str =
    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'unfinished_transfer'";

/// Makes numbers go on where those of the source ended: here rows do so by themselves, if there are any.
pub(super) const AFTER_TRANSFER: &[&str] = &["INSERT INTO sqlite_sequence (name, seq) \
    SELECT 'changes', p.purged_through FROM changes_purged p \
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence s WHERE s.name = 'changes')"];

// Primary result codes, from SQLite's "Result and Error Codes".
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
// What a quota or a limit of the file's size says: only one errno counts as FULL. SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC.
const WRITES: [u32; 2] = [778, 1034];
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

/// What the driver's error means to the store's callers.
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

/// Whether a unique index refused the statement.
pub(super) fn is_unique_violation(error: &StoreError) -> bool {
    let StoreError::Statement(source) = error else { return false };
    source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}
