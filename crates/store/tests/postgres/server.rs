//! Separate databases on the shared PostgreSQL server that `BUCKETRY_TEST_POSTGRES` names.

use bucketry_store::Store as _;
use bucketry_store::postgres::{Address, Options, PostgresStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// The address of the shared server, without a database: `postgres://postgres@127.0.0.1:5432`.
pub(crate) fn server() -> String {
    std::env::var("BUCKETRY_TEST_POSTGRES")
        .expect("BUCKETRY_TEST_POSTGRES is not set: run `cargo xtask test -- -p bucketry-store`")
}

/// The address of a database on the server.
pub(crate) fn address_of(database: &str) -> String {
    format!("{}/{database}", server())
}

/// A connection that bypasses the store.
pub(crate) async fn connect(database: &str) -> PgConnection {
    let options: PgConnectOptions = address_of(database).parse().unwrap();
    options.connect().await.unwrap()
}

/// Runs statements in a database, bypassing the store.
pub(crate) async fn run(database: &str, sql: &str) {
    let mut connection = connect(database).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Tests run as separate processes, several at a time.
fn unused_name() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("test_{}_{number}_{since}", std::process::id())
}

/// A new, empty database.
pub(crate) async fn empty_database() -> String {
    let name = unused_name();
    run("postgres", &format!("CREATE DATABASE {name}")).await;
    name
}

/// A new database with the schema: a copy of a template that the first test creates.
pub(crate) async fn database() -> String {
    let name = unused_name();
    let mut connection = connect("postgres").await;
    // Held until the connection ends. Only one process creates the template, and copying requires that nobody else
    // uses it.
    sqlx::query("SELECT pg_advisory_lock(1)").execute(&mut connection).await.unwrap();
    let made = sqlx::query("SELECT 1 FROM pg_database WHERE datname = 'store_template'")
        .fetch_optional(&mut connection)
        .await
        .unwrap();
    if made.is_none() {
        create(&mut connection, "store_unfinished", "template1").await;
        open("store_unfinished", &Options::default()).await.close().await;
        let rename = "ALTER DATABASE store_unfinished RENAME TO store_template";
        sqlx::query(rename).execute(&mut connection).await.unwrap();
    }
    create(&mut connection, &name, "store_template").await;
    connection.close().await.unwrap();
    name
}

async fn create(connection: &mut PgConnection, name: &str, template: &str) {
    let sql = AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"));
    sqlx::query(sql).execute(connection).await.unwrap();
}

/// Opens the store in a database.
pub(crate) async fn open(database: &str, options: &Options) -> PostgresStore {
    let address: Address = address_of(database).parse().unwrap();
    PostgresStore::open(&address, options).await.unwrap()
}

/// A store in a new database. It has few connections, because many tests run at the same time.
pub(crate) async fn open_new() -> PostgresStore {
    open(&database().await, &Options { connections: 4, ..Options::default() }).await
}
