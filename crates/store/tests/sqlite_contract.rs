//! Every story of the contract, on SQLite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bucketry_store::sqlite::SqliteStore;

async fn open() -> SqliteStore {
    SqliteStore::open_temporary().await.unwrap()
}

bucketry_store::contract_tests!(crate::open);
