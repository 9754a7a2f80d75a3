//! What a backup reads from and what a restore writes to. Each engine has both.

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use crate::Result;
use crate::transfer::{Cell, StoredTable, Target};

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
