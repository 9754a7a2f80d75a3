//! Backups of a registry in PostgreSQL, and restores between the engines.

use std::path::PathBuf;

use bucketry_store::Store as _;
use bucketry_store::StoreError;
use bucketry_store::backup::{RestoreTarget as _, load};
use bucketry_store::bucket::BucketStore as _;
use bucketry_store::contract::change;
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::postgres::{self, Address, Options, PostgresRestore};
use bucketry_store::sqlite::{SqliteRestore, SqliteStore};
use bucketry_store::transfer::{Target as _, UnfinishedTransfer};
use tempfile::TempDir;

use crate::backups::{back_up, checked, contents, restore};
use crate::engine::{bucket, now, organization};
use crate::server::{address_of, database, empty_database, open};

fn address(database: &str) -> Address {
    address_of(database).parse().unwrap()
}

fn few() -> Options {
    Options { connections: 4, ..Options::default() }
}

/// A registry with an organization and two buckets, and a backup of it.
async fn backed_up() -> (String, TempDir, PathBuf) {
    let database = database().await;
    let store = open(&database, &few()).await;
    store.insert_organization(&organization(), &change(now())).await.unwrap();
    for number in [1, 2] {
        store.insert_bucket(&bucket(number), &change(now())).await.unwrap();
    }
    let directory = TempDir::new().unwrap();
    let to = directory.path().join("backup");
    let mut source = postgres::source(&address(&database)).await.unwrap();
    // The snapshot is from before the next write, which doesn't wait for it.
    source.begin().await.unwrap();
    back_up(source, &to).await.unwrap();
    store.close().await;
    (database, directory, to)
}

#[tokio::test]
async fn a_registry_is_restored_into_an_empty_database_of_either_engine() {
    let (from, directory, backup) = backed_up().await;
    let there = empty_database().await;
    let checked_once = checked(&backup).await.unwrap();
    assert_eq!(checked_once.registry.engine, "postgresql");
    let tables = checked_once.tables().to_vec();
    let target =
        PostgresRestore::open(&address(&there), &few(), &checked_once.registry.migrations).await.unwrap();
    restore(checked_once, &target).await;
    let [before, after] = [open(&from, &few()).await, open(&there, &few()).await];
    assert_eq!(contents(&after, &tables).await, contents(&before, &tables).await);
    after.insert_bucket(&bucket(3), &change(now())).await.unwrap();
    after.close().await;

    let embedded = directory.path().join("data");
    let again = checked(&backup).await.unwrap();
    let target = SqliteRestore::create(&embedded, &again.registry.migrations).await.unwrap();
    restore(again, &target).await;
    drop(target);
    let embedded_store =
        SqliteStore::open(&embedded, bucketry_store::sqlite::Options::default()).await.unwrap();
    assert_eq!(contents(&embedded_store, &tables).await, contents(&before, &tables).await);
    embedded_store.close().await;

    // And from the embedded database to PostgreSQL.
    let second = directory.path().join("second");
    back_up(bucketry_store::sqlite::source(&embedded).await.unwrap(), &second).await.unwrap();
    let back = empty_database().await;
    let checked_twice = checked(&second).await.unwrap();
    let target =
        PostgresRestore::open(&address(&back), &few(), &checked_twice.registry.migrations).await.unwrap();
    restore(checked_twice, &target).await;
    assert_eq!(contents(&open(&back, &few()).await, &tables).await, contents(&before, &tables).await);
}

#[tokio::test]
async fn a_backup_shows_one_moment_and_blocks_no_writer() {
    let (database, directory, _) = backed_up().await;
    let store = open(&database, &few()).await;
    let mut source = postgres::source(&address(&database)).await.unwrap();
    let to = directory.path().join("moment");
    let header = bucketry_store::backup::BackupHeader::new(now(), "id".to_owned());
    let pace = bucketry_store::backup::BackupPace::Gentle;
    let mut writer = bucketry_store::backup::BackupWriter::create(&to, &header, pace).await.unwrap();
    let migrations = source.begin().await.unwrap();
    store.insert_bucket(&bucket(9), &change(now())).await.unwrap();
    writer.registry(&mut *source, migrations, None).await.unwrap();
    writer.finish().await.unwrap();
    let text = std::fs::read_to_string(&to).unwrap();
    assert!(text.contains(&bucket(2).id.to_string()) && !text.contains(&bucket(9).id.to_string()));
}

#[tokio::test]
async fn an_interrupted_restore_begins_again_and_no_server_starts_meanwhile() {
    let (from, _directory, backup) = backed_up().await;
    let there = empty_database().await;
    let first = checked(&backup).await.unwrap();
    let (tables, migrations) = (first.tables().to_vec(), first.registry.migrations.clone());
    {
        let target = PostgresRestore::open(&address(&there), &few(), &migrations).await.unwrap();
        assert!(target.target().begin_restore(&tables).await.unwrap());
        load(first, target.target(), |_, _| Ok(()), |_| ()).await.unwrap();
        let quick = Options { acquire_timeout: std::time::Duration::from_secs(1), ..few() };
        let meanwhile = bucketry_store::postgres::PostgresStore::open(&address(&there), &quick).await;
        assert!(matches!(meanwhile, Err(StoreError::BeingMigrated)), "{meanwhile:?}");
        target.close().await;
    }
    let store = open(&there, &few()).await;
    assert_eq!(store.unfinished_transfer().await.unwrap(), Some(UnfinishedTransfer::Restore));
    store.close().await;
    let target = PostgresRestore::open(&address(&there), &few(), &migrations).await.unwrap();
    restore(checked(&backup).await.unwrap(), &target).await;
    let [before, after] = [open(&from, &few()).await, open(&there, &few()).await];
    assert_eq!(contents(&after, &tables).await, contents(&before, &tables).await);
}

#[tokio::test]
async fn a_registry_that_is_there_or_in_use_is_left_alone() {
    let (database, _directory, backup) = backed_up().await;
    let checked = checked(&backup).await.unwrap();
    let migrations = checked.registry.migrations.clone();
    let quick = Options { acquire_timeout: std::time::Duration::from_secs(1), ..few() };
    let server = open(&database, &few()).await;
    let used = PostgresRestore::open(&address(&database), &quick, &migrations).await.map(|_| ());
    assert!(matches!(used, Err(StoreError::UsedByServer)), "{used:?}");
    server.close().await;
    let target = PostgresRestore::open(&address(&database), &quick, &migrations).await.unwrap();
    assert!(!target.target().begin_restore(checked.tables()).await.unwrap());
    target.close().await;
    // Its schema is newer than that of an older backup.
    let older =
        PostgresRestore::open(&address(&database), &quick, &migrations[..5]).await.map(|_| ()).unwrap_err();
    assert!(older.to_string().contains("newer than that of the backup"), "{older}");
}

#[tokio::test]
async fn an_older_schema_is_made_and_upgraded() {
    let (_, _directory, backup) = backed_up().await;
    let migrations = checked(&backup).await.unwrap().registry.migrations;
    for count in [1, 5, 13, migrations.len() - 1] {
        let there = empty_database().await;
        let target = PostgresRestore::open(&address(&there), &few(), &migrations[..count]).await.unwrap();
        let tables = bucketry_store::backup::tables_of(&migrations[..count]).await.unwrap().unwrap();
        assert!(target.target().begin_restore(&tables).await.unwrap(), "{count}");
        target.finish().await.unwrap();
        target.close().await;
        open(&there, &few()).await.check().await.unwrap();
    }
}

#[tokio::test]
async fn of_several_servers_one_makes_the_scheduled_backup() {
    let (database, _directory, _) = backed_up().await;
    let first = postgres::source_alone(&address(&database)).await.unwrap().unwrap();
    assert!(postgres::source_alone(&address(&database)).await.unwrap().is_none());
    assert!(
        postgres::source(&address(&database)).await.is_ok(),
        "a backup that somebody makes needs no turn"
    );
    // The first one was killed.
    drop(first);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while postgres::source_alone(&address(&database)).await.unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "its turn doesn't end");
    }
}

#[tokio::test]
async fn a_database_without_a_registry_is_told() {
    let empty = empty_database().await;
    let mut source = postgres::source(&address(&empty)).await.unwrap();
    let error = source.begin().await.unwrap_err();
    assert!(error.to_string().contains("no registry"), "{error}");
}
