//! An empty database that a backup is loaded into.

use std::path::Path;

use async_trait::async_trait;

use super::SqliteStore;
use super::open::{Options, checkpoint};
use crate::migrations::{self, UnknownMigration};
use crate::registry_copy::RestoreTarget;
use crate::transfer::Target;
use crate::{Result, Store as _, StoreError};

/// A new database in a directory that nothing else uses. Writes are on the disk only after the file was synced, which is up
/// to the caller: until then, the directory isn't a registry.
#[derive(Debug)]
pub struct SqliteRestore(SqliteStore);

impl SqliteRestore {
    /// Creates the database with the schema that these migrations make, given by their descriptions.
    pub async fn create(directory: &Path, migrations: &[String]) -> Result<Self> {
        let migrator = migrations::sqlite_through(migrations)
            .map_err(|UnknownMigration(name)| StoreError::Schema(format!("migration `{name}` is unknown")))?;
        let options = Options { durable: false, ..Options::default() };
        SqliteStore::create_with(directory, &options, &migrator).await.map(Self)
    }
}

#[async_trait]
impl RestoreTarget for SqliteRestore {
    fn target(&self) -> &dyn Target {
        &self.0
    }

    async fn finish(&self) -> Result<()> {
        self.0.upgrade().await?;
        if self.0.unfinished_transfer().await?.is_some() {
            self.0.end_transfer().await?;
        }
        // Only the database file is moved to its place.
        checkpoint(&self.0).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
