//! The tables of a registry, at any version.

use crate::Result;
use crate::migrations::{self, UnknownMigration};
use crate::sqlite;
use crate::transfer::StoredTable;

/// The tables of a registry with these migrations, each after those that it refers to. They are read from an empty
/// SQLite database in memory, because both engines have the same tables. `None` if a newer version made one of the
/// migrations.
pub async fn tables_of(migrations: &[String]) -> Result<Option<Vec<StoredTable>>> {
    match migrations::sqlite_through(migrations) {
        Ok(migrator) => sqlite::tables_of(&migrator).await.map(Some),
        Err(UnknownMigration(_)) => Ok(None),
    }
}

/// The migration that this version doesn't know.
pub(super) fn newer_than_this(migrations: &[String]) -> Option<String> {
    migrations::sqlite_through(migrations).err().map(|UnknownMigration(name)| name)
}
