//! Who uses a registry: several servers, or a migration alone.

use std::time::Duration;

use bucketry_store::postgres::{Address, Options, PostgresStore};
use bucketry_store::transfer::Source as _;
use bucketry_store::{Store as _, StoreError};

use crate::server::{address_of, connect, database, open, run};

const IMPATIENT: Options = Options {
    connections: 2,
    acquire_timeout: Duration::from_secs(1),
    statement_timeout: Duration::from_secs(30),
    lock_timeout: Duration::from_secs(10),
    skip_audit: false,
};

/// Ends all other sessions of a database, as a restart of the server would.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn open_alone(database: &str) -> bucketry_store::Result<PostgresStore> {
    let address: Address = address_of(database).parse().unwrap();
    PostgresStore::open_alone(&address, &IMPATIENT).await
}

#[tokio::test]
async fn servers_share_a_registry_and_a_migration_has_it_alone() {
    let database = database().await;
    let (first, second) = (open(&database, &IMPATIENT).await, open(&database, &IMPATIENT).await);
    first.check().await.unwrap();
    first.close().await;
    let refused = open_alone(&database).await.unwrap_err();
    assert!(matches!(refused, StoreError::UsedByServer), "{refused}");
    assert!(refused.to_string().contains("stop it"), "{refused}");
    second.check().await.unwrap();
    second.close().await;

    let migration = open_alone(&database).await.unwrap();
    assert!(migration.is_undisturbed().await);
    let address: Address = address_of(&database).parse().unwrap();
    let refused = PostgresStore::open(&address, &IMPATIENT).await.unwrap_err();
    assert!(matches!(refused, StoreError::BeingMigrated), "{refused}");
    let refused = open_alone(&database).await.unwrap_err();
    assert!(matches!(refused, StoreError::UsedByServer), "{refused}");
    migration.close().await;
    open(&database, &IMPATIENT).await.check().await.unwrap();
}

#[tokio::test]
async fn registries_in_two_schemas_of_a_database_are_two() {
    let database = database().await;
    run(&database, "CREATE SCHEMA other").await;
    let server = open(&database, &IMPATIENT).await;
    let other = open_alone(&format!("{database}?options=-csearch_path%3Dother")).await.unwrap();
    server.check().await.unwrap();
    assert!(other.is_undisturbed().await);
}

#[tokio::test]
async fn a_server_whose_connections_were_cut_claims_the_registry_again() {
    let database = database().await;
    let server = open(&database, &IMPATIENT).await;
    run(&database, CUT).await;
    // The first connection that it reopens is enough to keep migrations away. The dedicated one follows.
    let again = async { while server.check().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), again).await.unwrap();
    assert!(matches!(open_alone(&database).await, Err(StoreError::UsedByServer)));
}

#[tokio::test]
async fn a_server_that_missed_a_migration_writes_no_more() {
    let database = database().await;
    let server = open(&database, &IMPATIENT).await;
    run(&database, CUT).await;
    // Faster than the server noticed.
    let migration = open_alone(&database).await.unwrap();
    assert!(server.check_writes(crate::engine::now()).await.is_err());
    migration.close().await;
    // The registry may have been moved, so the server must be started again.
    for _ in 0..2 {
        let refused = server.check().await.unwrap_err();
        assert!(matches!(refused, StoreError::BeingMigrated), "{refused}");
        assert!(server.check_writes(crate::engine::now()).await.is_err());
    }
    let mut connection = connect(&database).await;
    let probed = sqlx::query("SELECT 1 FROM write_probe").fetch_optional(&mut connection).await.unwrap();
    assert!(probed.is_none(), "it stored something");
}

#[tokio::test]
async fn a_migration_that_lost_its_claim_knows_it() {
    let database = database().await;
    let migration = open_alone(&database).await.unwrap();
    assert!(migration.is_undisturbed().await);
    run(&database, CUT).await;
    assert!(!migration.is_undisturbed().await);
    // A server may have come and gone.
    open(&database, &IMPATIENT).await.close().await;
    assert!(!migration.is_undisturbed().await);
}
