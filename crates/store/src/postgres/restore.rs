//! An empty registry that a backup is loaded into.

use async_trait::async_trait;

use super::open::Options;
use super::{Address, PostgresStore};
use crate::migrations::{self, UnknownMigration};
use crate::registry_copy::RestoreTarget;
use crate::transfer::Target;
use crate::{Result, Store as _, StoreError};

/// A registry at an address that nobody else uses.
#[derive(Debug)]
pub struct PostgresRestore {
    store: PostgresStore,
    address: Address,
}

impl PostgresRestore {
    /// Opens the database at an address and gives it the schema that these migrations make, given by their descriptions.
    /// Fails if its schema is newer.
    pub async fn open(address: &Address, options: &Options, migrations: &[String]) -> Result<Self> {
        let migrator = migrations::postgres_through(migrations)
            .map_err(|UnknownMigration(name)| StoreError::Schema(format!("migration `{name}` is unknown")))?;
        let store = PostgresStore::open_to_restore(address, options, &migrator).await?;
        Ok(Self { store, address: address.clone() })
    }

    /// Opens a registry into which everything was loaded, to finish the restore.
    pub async fn open_loaded(address: &Address, options: &Options) -> Result<Self> {
        let store = PostgresStore::open_alone(address, options).await?;
        Ok(Self { store, address: address.clone() })
    }
}

#[async_trait]
impl RestoreTarget for PostgresRestore {
    fn target(&self) -> &dyn Target {
        &self.store
    }

    async fn finish(&self) -> Result<()> {
        self.store.upgrade(&self.address).await?;
        if self.store.unfinished_transfer().await?.is_some() {
            self.store.end_transfer().await?;
        }
        Ok(())
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
