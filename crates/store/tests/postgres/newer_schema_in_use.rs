//! Servers of this version on a schema that a newer version has upgraded.

use bucketry_store::bucket::{BucketInserted, BucketStore as _};
use bucketry_store::contract::change;
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::postgres::{Address, Options, PostgresStore, candidate, examine};
use bucketry_store::{Store as _, StoreError};

use crate::engine::{bucket, now, organization};
use crate::newer_schema::{BREAK, names_the_remedy, two_compatible_migrations};
use crate::server::{address_of, database, open, run};

const CHECKSUM: &str = "'\\x00'";

fn few() -> Options {
    Options { connections: 2, ..Options::default() }
}

fn address(database: &str) -> Address {
    address_of(database).parse().unwrap()
}

fn schema_error<T>(outcome: Result<T, StoreError>) -> String {
    match outcome.map(drop) {
        Err(StoreError::Schema(text)) => text,
        other => panic!("expected a schema error, not {other:?}"),
    }
}

#[tokio::test]
async fn servers_run_and_start_on_a_newer_schema_that_they_can_work_with() {
    let database = database().await;
    let running = open(&database, &few()).await;
    running.insert_organization(&organization(), &change(now())).await.unwrap();
    running.insert_bucket(&bucket(1), &change(now())).await.unwrap();

    // A newer server starts.
    run(&database, &two_compatible_migrations(CHECKSUM)).await;
    running.check().await.unwrap();
    assert_eq!(running.insert_bucket(&bucket(2), &change(now())).await.unwrap(), BucketInserted::Inserted);

    let restarted = open(&database, &few()).await;
    restarted.check().await.unwrap();
    assert_eq!(restarted.insert_bucket(&bucket(3), &change(now())).await.unwrap(), BucketInserted::Inserted);
    for number in 1..=3 {
        let found = restarted.bucket(organization().id, bucket(number).id).await.unwrap();
        assert_eq!(found.unwrap().name, bucket(number).name);
    }
    assert!(!candidate(&address(&database)).await.unwrap().is_new);
    examine(&address(&database)).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_that_breaks_this_version_is_refused_with_the_remedy() {
    let database = database().await;
    let running = open(&database, &few()).await;
    run(&database, &two_compatible_migrations(CHECKSUM)).await;
    run(&database, BREAK).await;
    for refused in [
        schema_error(running.check().await),
        schema_error(PostgresStore::open(&address(&database), &few()).await),
        schema_error(candidate(&address(&database)).await),
        schema_error(examine(&address(&database)).await),
    ] {
        assert!(names_the_remedy(&refused), "{refused}");
    }
    run(&database, "DELETE FROM schema_compatibility").await;
    let refused = schema_error(PostgresStore::open(&address(&database), &few()).await);
    assert!(names_the_remedy(&refused), "{refused}");
}

#[tokio::test]
async fn a_registry_with_a_newer_schema_is_not_moved_by_a_version_that_does_not_know_all_tables() {
    let database = database().await;
    run(&database, &two_compatible_migrations(CHECKSUM)).await;
    let refused = schema_error(PostgresStore::open_alone(&address(&database), &few()).await);
    assert!(refused.contains("newer version"), "{refused}");
}

#[tokio::test]
async fn a_changed_migration_is_told_on_a_newer_schema_too() {
    let database = database().await;
    run(&database, &two_compatible_migrations(CHECKSUM)).await;
    run(&database, "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1").await;
    let refused = schema_error(PostgresStore::open(&address(&database), &few()).await);
    assert!(refused.contains("another form"), "{refused}");
}
