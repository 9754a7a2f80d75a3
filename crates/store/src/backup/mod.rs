//! Backups: one file with everything that a restore needs, whatever engine the registry is in.
//!
//! A backup is a text file with one JSON value per line, so that it can be read without this program:
//!
//! 1. `{"backup": …}`: the version of the format, when the backup began, and its id.
//! 2. `{"spool": …}`: parts of the files with traffic that wasn't reported.
//! 3. `{"registry": …}`: the engine, and the migrations that made the schema.
//! 4. `{"keys": …}`: the key files, encrypted. Missing unless they were asked for.
//! 5. For each table, `{"table": …}`, and then each row as an array. Tables follow those that they refer to.
//! 6. `{"end": …}`: the number of rows, and the SHA-256 of everything before this line.
//!
//! **Order.** The spool is copied before the registry is read. A batch of traffic that was reported in between is then in
//! both, and the control plane recognises it by its number. In the other order, it would be in neither.
//!
//! **Checks.** A restore reads the whole file before it writes anything: a file whose end is missing, or with any changed
//! byte, is refused. The names of tables and columns come from this program's migrations, never from the file.

mod check;
mod error;
mod line;
mod load;
mod reader;
mod schema;
mod writer;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::Result;
use crate::transfer::{Cell, StoredTable, Target};

pub use check::{CheckedBackup, SealedSample, check};
pub use error::BackupError;
pub use line::{BackupHeader, RegistryInfo, SealedKeys};
pub use load::load;
pub use schema::tables_of;
pub use writer::{BackupPace, BackupSummary, BackupWriter};

/// A registry of which a backup is made, through one connection that claims nothing and changes nothing.
#[async_trait]
pub trait BackupSource: Send {
    /// The engine's name: `sqlite` or `postgresql`.
    fn engine(&self) -> &'static str;

    /// Begins a snapshot, which all later calls read, and ends an earlier one. Returns the descriptions of the
    /// migrations that made the schema, oldest first. Writers aren't blocked.
    async fn begin(&mut self) -> Result<Vec<String>>;

    /// Whether a migration or a restore into this registry was begun and not finished.
    async fn is_unfinished(&mut self) -> Result<bool>;

    /// All rows of a table, in no particular order. At most a few are in memory.
    fn rows<'a>(&'a mut self, table: &'a StoredTable) -> BoxStream<'a, Result<Vec<Cell>>>;

    /// Ends the snapshot and closes the connection.
    async fn close(self: Box<Self>);
}

/// An empty registry that a backup is loaded into. It has the schema that the backup has.
#[async_trait]
pub trait RestoreTarget: Send + Sync {
    /// Where rows are stored.
    fn target(&self) -> &dyn Target;

    /// Runs the migrations that are newer than the backup, and makes the registry usable. Nothing changes if that was
    /// done before.
    async fn finish(&self) -> Result<()>;

    /// Closes the database.
    async fn close(&self);
}
