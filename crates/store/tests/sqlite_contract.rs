//! Every story of the contract, on SQLite: on the schema of this version, and on one that a newer version has extended.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::path::Path;

use bucketry_store::Store as _;
use bucketry_store::sqlite::{DATABASE_FILE, Options, SqliteStore};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;

async fn open() -> SqliteStore {
    SqliteStore::open_temporary().await.unwrap()
}

thread_local! {
    /// Removed when the thread of the test ends.
    static DIRECTORY: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// A store whose tables all have columns that this version doesn't know.
async fn open_extended() -> SqliteStore {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { durable: false, ..Options::default() };
    SqliteStore::open(directory.path(), options.clone()).await.unwrap().close().await;
    extend(&directory.path().join(DATABASE_FILE)).await;
    let store = SqliteStore::open(directory.path(), options).await.unwrap();
    DIRECTORY.with(|kept| kept.replace(Some(directory)));
    store
}

async fn extend(file: &Path) {
    let connecting = sqlx::sqlite::SqliteConnectOptions::new().filename(file).pragma("synchronous", "OFF");
    let mut connection = connecting.connect().await.unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' \
                  AND name <> '_sqlx_migrations'";
    let tables = sqlx::query(tables).fetch_all(&mut connection).await.unwrap();
    assert!(tables.len() > 30);
    let mut statements = vec![
        "BEGIN".to_owned(),
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (99, 'from the future', TRUE, x'00', 1)"
            .to_owned(),
    ];
    for table in tables {
        let table: String = table.get(0);
        statements.push(format!("ALTER TABLE {table} ADD COLUMN newer TEXT"));
        statements.push(format!("ALTER TABLE {table} ADD COLUMN newest BIGINT NOT NULL DEFAULT 7"));
    }
    statements.push("COMMIT".to_owned());
    sqlx::raw_sql(AssertSqlSafe(statements.join("; "))).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

bucketry_store::contract_tests!(crate::open);

mod on_a_newer_schema {
    bucketry_store::contract_tests!(crate::open_extended);
}
