//! Servers of this version on a schema that a newer version has upgraded.

use std::time::Duration;

use bucketry_store::bucket::{BucketInserted, BucketStore as _};
use bucketry_store::contract::change;
use bucketry_store::organization::OrganizationStore as _;
use bucketry_store::postgres::{Address, Options, PostgresStore, candidate, examine};
use bucketry_store::signal::SignalStore as _;
use bucketry_store::{Store as _, StoreError};
use sqlx::Connection as _;

use crate::engine::{bucket, now, organization};
use crate::newer_schema::{BREAK, names_the_remedy, two_compatible_migrations};
use crate::server::{address_of, connect, database, open, run};

const CHECKSUM: &str = "'\\x00'";

fn few() -> Options {
    Options { connections: 2, ..Options::default() }
}

fn address(database: &str) -> Address {
    address_of(database).parse().unwrap()
}

fn schema_error<T>(outcome: Result<T, StoreError>) -> String {
    match outcome.map(drop) {
        Err(error @ (StoreError::Schema(_) | StoreError::Outdated(_))) => error.to_string(),
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
async fn a_read_only_database_is_reported_as_such_unless_its_schema_is_too_new() {
    let database = database().await;
    open(&database, &few()).await.close().await;
    run(&database, &two_compatible_migrations(CHECKSUM)).await;
    let read_only =
        |switch| format!("ALTER DATABASE {database} SET default_transaction_read_only = {switch}");
    run("postgres", &read_only("on")).await;
    let examined = examine(&address(&database)).await;
    assert!(matches!(examined, Err(StoreError::ReadOnly(_))), "{examined:?}");

    run("postgres", &read_only("off")).await;
    run(&database, BREAK).await;
    run("postgres", &read_only("on")).await;
    let refused = schema_error(examine(&address(&database)).await);
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

/// Longer than any of this takes on a busy machine.
const GENEROUS: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_running_server_writes_and_reads_no_more_once_a_newer_version_has_broken_its_schema() {
    let database = database().await;
    let running = open(&database, &few()).await;
    running.insert_organization(&organization(), &change(now())).await.unwrap();
    let signals = running.listen().await.unwrap().unwrap();
    run(&database, &two_compatible_migrations(CHECKSUM)).await;
    running.insert_bucket(&bucket(1), &change(now())).await.unwrap();
    running.check_version().unwrap();

    run(&database, BREAK).await;
    tokio::time::timeout(GENEROUS, running.outdated()).await.unwrap();
    assert!(names_the_remedy(&schema_error(running.check_version())));
    assert!(names_the_remedy(&schema_error(running.check().await)));
    assert!(running.insert_bucket(&bucket(2), &change(now())).await.is_err());
    assert!(running.bucket(organization().id, bucket(1).id).await.is_err());
    assert!(running.listen().await.is_err());
    drop(signals);

    let mut connection = connect(&database).await;
    let buckets: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM buckets").fetch_one(&mut connection).await.unwrap();
    assert_eq!(buckets, 1);
    let gone = async { while sessions(&mut connection).await > 0 {} };
    tokio::time::timeout(GENEROUS, gone)
        .await
        .expect("the server has closed all connections, also that of its claim");
}

/// The number of connections of servers to this database.
async fn sessions(connection: &mut sqlx::PgConnection) -> i64 {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bucketry'";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// Locks what a connection of a server locks whose newest migration has this number.
fn locks_of_program(number: i64) -> String {
    format!(
        "SELECT pg_advisory_lock_shared(1112233042, (current_schema()::regnamespace::oid::bigint - 2147483648)::int), \
         pg_advisory_lock_shared(1112233044, {number})"
    )
}

#[tokio::test]
async fn a_newer_server_ends_the_connections_of_older_ones_before_it_serves() {
    let database = database().await;
    let mut reading = connect(&database).await;
    let oldest: i64 = sqlx::query_scalar("SELECT oldest_program FROM schema_compatibility")
        .fetch_one(&mut reading)
        .await
        .unwrap();
    let mut older = connect(&database).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(locks_of_program(oldest - 1))).execute(&mut older).await.unwrap();
    let mut compatible = connect(&database).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(locks_of_program(oldest))).execute(&mut compatible).await.unwrap();
    // A server of another registry in the same database, which somebody upgrades later.
    run(&database, "CREATE SCHEMA other").await;
    let mut elsewhere = connect(&format!("{database}?options=-csearch_path%3Dother")).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(locks_of_program(oldest - 1))).execute(&mut elsewhere).await.unwrap();
    // In the middle of a change.
    sqlx::raw_sql("BEGIN; INSERT INTO write_probe (id, at) VALUES (1, 7)").execute(&mut older).await.unwrap();

    let newer = open(&database, &few()).await;
    assert!(older.ping().await.is_err(), "the older server still has its connection");
    compatible.ping().await.unwrap();
    elsewhere.ping().await.unwrap();
    let probes: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM write_probe").fetch_one(&mut reading).await.unwrap();
    assert_eq!(probes, 0, "the older server's change was rolled back");
    newer.check_writes(now()).await.unwrap();
}

#[tokio::test]
async fn a_server_starts_even_if_connections_of_older_ones_do_not_end() {
    let database = database().await;
    let mut older = connect(&database).await;
    let oldest: i64 = sqlx::query_scalar("SELECT oldest_program FROM schema_compatibility")
        .fetch_one(&mut older)
        .await
        .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(locks_of_program(oldest - 1))).execute(&mut older).await.unwrap();
    // The database waits for the end of the connection for much longer than this test takes.
    let never = "CREATE FUNCTION public.pg_terminate_backend(integer, integer) RETURNS boolean LANGUAGE sql VOLATILE \
                 AS 'SELECT pg_catalog.pg_sleep(600) IS NULL'";
    run(&database, never).await;
    let with_function = address(&format!("{database}?options=-csearch_path%3Dpublic,pg_catalog"));
    let options = Options { statement_timeout: Duration::from_secs(5), ..few() };
    let opening = PostgresStore::open(&with_function, &options);
    let newer = tokio::time::timeout(GENEROUS, opening).await.expect("it waits for ever").unwrap();
    newer.check_writes(now()).await.unwrap();
    older.ping().await.unwrap();
    newer.close().await;
}

#[tokio::test]
async fn the_connections_of_running_servers_say_which_migrations_they_know() {
    let database = database().await;
    let running = open(&database, &few()).await;
    running.check().await.unwrap();
    let mut connection = connect(&database).await;
    let sql = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1112233044 \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND objid::bigint = (SELECT MAX(version) FROM _sqlx_migrations)";
    let known: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
    assert!(known > 0, "a newer server wouldn't find the connections of this one");
}
