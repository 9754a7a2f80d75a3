//! Opening a database: lock, connections, schema.

use std::cmp::Ordering;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Pool, Row as _};

use super::dialect::{self, Connection, Db};
use super::sql::Generations;
use super::sql::schema::{self, AcceptedSchema};
use super::{DATABASE_FILE, SqliteStore};
use crate::data_dir::{DataDirLock, lock, unusable};
use crate::{Result, StoreError, migrations};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(migrations::sqlite);

/// The letters `BKTR`, which mark the file as one of Bucketry (`PRAGMA application_id`).
const APPLICATION_ID: i32 = 0x424b_5452;

/// How a database is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// The largest number of concurrent reads.
    pub readers: u32,
    /// How long a call waits for a connection. A write waits for the writes before it.
    pub acquire_timeout: Duration,
    /// How long a statement waits for another process that has locked the file.
    pub busy_timeout: Duration,
    /// Whether a write is on the disk when its method returns. If false, a power failure may undo the last writes.
    pub durable: bool,
    /// The largest size of the file in pages of 4 KiB. For tests of a full disk.
    pub max_pages: Option<u32>,
    /// Stores changes without their records in the audit. Only benchmarks set it, to measure what these cost. No
    /// setting or flag of the server may, so that an operator can't switch the audit off.
    #[doc(hidden)]
    pub skip_audit: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            acquire_timeout: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
            durable: true,
            max_pages: None,
            skip_audit: false,
        }
    }
}

impl SqliteStore {
    /// Opens the database in a data directory and brings its schema up to date. Creates the directory and the
    /// database if necessary. The directory stays locked until the store is dropped.
    ///
    /// A process that dies during an upgrade leaves the schema as it was before the current step. The next call
    /// continues from there. A schema of a newer version is left as it is, if this version can work with it.
    pub async fn open(data_dir: &Path, options: Options) -> Result<Self> {
        Self::open_accepting(data_dir, options, AcceptedSchema::Compatible).await
    }

    /// Opens the database like [`Self::open`], to move the registry. Refuses the schema of a newer version, because it may have
    /// tables that this version wouldn't move.
    pub async fn open_to_move(data_dir: &Path, options: Options) -> Result<Self> {
        Self::open_accepting(data_dir, options, AcceptedSchema::Own).await
    }

    async fn open_accepting(data_dir: &Path, options: Options, accepted: AcceptedSchema) -> Result<Self> {
        let lock = lock(data_dir)?;
        let file = data_dir.join(DATABASE_FILE);
        make_private_file(&file).map_err(|error| unusable(&file, error))?;
        let has_unlisted = prepare(&file, &options, &MIGRATIONS, accepted).await?;

        let store = Self::over(file, &options, lock);
        check_schema(&store.readers).await?;
        if has_unlisted {
            store.list_unlisted().await?;
        }
        Ok(store)
    }

    /// Creates the database of a registry with these migrations in a directory. The directory stays locked until the store
    /// is dropped.
    pub(super) async fn create_with(
        directory: &Path,
        options: &Options,
        migrations: &Migrator,
    ) -> Result<Self> {
        let lock = lock(directory)?;
        let file = directory.join(DATABASE_FILE);
        make_private_file(&file).map_err(|error| unusable(&file, error))?;
        prepare(&file, options, migrations, AcceptedSchema::Own).await?;
        Ok(Self::over(file, options, lock))
    }

    /// Creates an empty database in memory to which only these migrations are applied.
    pub(super) async fn in_memory(migrations: &Migrator) -> Result<Self> {
        let options = Options::default();
        // The database belongs to the only connection.
        let connecting = SqliteConnectOptions::new().in_memory(true);
        let writer = pool(1, &options).connect_lazy_with(connecting);
        let mut connection = writer.acquire().await.map_err(dialect::error)?;
        migrate(&mut connection, migrations, AcceptedSchema::Own).await?;
        drop(connection);
        Ok(Self {
            readers: writer.clone(),
            writer,
            generations: Arc::new(Generations::new()),
            skip_audit: false,
            file: PathBuf::new(),
            lock: None,
            _temporary: None,
            fence: None,
        })
    }

    /// Runs the migrations that a database of an older schema lacks.
    pub(super) async fn upgrade(&self) -> Result<()> {
        let mut connection = self.writer.acquire().await.map_err(dialect::error)?;
        let has_unlisted = migrate(&mut connection, &MIGRATIONS, AcceptedSchema::Own).await?;
        drop(connection);
        if has_unlisted { self.list_unlisted().await } else { Ok(()) }
    }

    fn over(file: PathBuf, options: &Options, lock: DataDirLock) -> Self {
        let writer = pool(1, options).connect_lazy_with(writing(&file, options));
        let readers = pool(options.readers.max(1), options)
            .connect_lazy_with(connecting(&file, options).read_only(true));
        Self {
            writer,
            readers,
            generations: Arc::new(Generations::new()),
            skip_audit: options.skip_audit,
            file,
            lock: Some(Arc::new(lock)),
            _temporary: None,
            fence: None,
        }
    }

    /// Opens the database in a data directory for reading only. Creates, changes and locks nothing, and works while
    /// another process uses the database.
    pub async fn open_to_read(data_dir: &Path) -> Result<Self> {
        let file = data_dir.join(DATABASE_FILE);
        must_be_readable(&file)?;
        let options = Options::default();
        let readers = pool(1, &options).connect_lazy_with(connecting(&file, &options).read_only(true));
        check_schema(&readers).await?;
        Ok(Self {
            writer: readers.clone(),
            readers,
            generations: Arc::new(Generations::new()),
            skip_audit: false,
            file,
            lock: None,
            _temporary: None,
            fence: None,
        })
    }

    /// Opens a new, empty database in a temporary directory, which is removed with the store. For tests and
    /// demonstrations.
    pub async fn open_temporary() -> Result<Self> {
        let directory = tempfile::tempdir().map_err(|error| unusable(&std::env::temp_dir(), error))?;
        let options = Options { durable: false, ..Options::default() };
        let store = Self::open(directory.path(), options).await?;
        Ok(Self { _temporary: Some(Arc::new(directory)), ..store })
    }
}

/// Creates the file before SQLite does, because a file that SQLite creates is readable by everybody. The
/// write-ahead log gets the mode of the database.
fn make_private_file(file: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Finds out why a file can't be opened, because SQLite doesn't say. The file isn't opened here: closing it would release all
/// locks of this process on it, and another program could then remove the log of a store that this process has open.
pub(super) fn must_be_readable(file: &Path) -> Result<()> {
    rustix::fs::access(file, rustix::fs::Access::READ_OK).map_err(|error| unusable(file, error.into()))
}

/// The options that all connections share.
pub(super) fn connecting(file: &Path, options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(options.busy_timeout)
        .foreign_keys(true)
        .statement_cache_capacity(512)
        // 4 MiB per connection, whatever the size of the database: a long list fills the caches of all readers, and
        // most pages beyond them are in the operating system's cache.
        .pragma("cache_size", "-4096")
}

fn writing(file: &Path, options: &Options) -> SqliteConnectOptions {
    let synchronous = if options.durable { SqliteSynchronous::Full } else { SqliteSynchronous::Off };
    let connecting = connecting(file, options)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .pragma("secure_delete", "ON")
        // The samples of a heartbeat touch many pages, which must fit until the commit.
        .pragma("cache_size", "-8192")
        // A long read makes the log grow. This frees the space afterwards.
        .pragma("journal_size_limit", "67108864");
    match options.max_pages {
        Some(pages) => connecting.pragma("max_page_count", pages.to_string()),
        None => connecting,
    }
}

fn pool(connections: u32, options: &Options) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        // A file doesn't disconnect, so checking before each statement would only cost time.
        .test_before_acquire(false)
        // When a write fails because the disk is full, SQLite rolls back the transaction. The driver doesn't
        // notice, and would refuse to begin another one on this connection.
        .after_release(|connection, _| {
            Box::pin(async move {
                // Lets the driver finish the rollback of a dropped transaction.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

/// Marks a new file as one of Bucketry, rejects the file of another program, and runs the missing migrations. Returns
/// whether the store has something to fill in.
async fn prepare(
    file: &Path,
    options: &Options,
    migrations: &Migrator,
    accepted: AcceptedSchema,
) -> Result<bool> {
    use sqlx::ConnectOptions as _;
    let mut connection = writing(file, options).connect().await.map_err(dialect::error)?;
    claim(&mut connection).await?;
    let has_unlisted = migrate(&mut connection, migrations, accepted).await?;
    connection.close().await.map_err(dialect::error)?;
    Ok(has_unlisted)
}

async fn migrate(
    connection: &mut Connection,
    migrations: &Migrator,
    accepted: AcceptedSchema,
) -> Result<bool> {
    schema::migrate(connection, migrations, accepted).await?;
    // An older schema may not have the table yet.
    let sql = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'unlisted'";
    if number(connection, sql).await? == 0 {
        return Ok(false);
    }
    Ok(number(connection, "SELECT COUNT(*) FROM unlisted").await? > 0)
}

async fn claim(connection: &mut Connection) -> Result<()> {
    let found: i32 = number(connection, "PRAGMA application_id").await?;
    let tables: i32 = number(connection, "SELECT COUNT(*) FROM sqlite_schema").await?;
    match (found, tables) {
        (APPLICATION_ID, _) => Ok(()),
        (0, 0) => {
            let mark = sqlx::AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"));
            sqlx::query(mark).execute(connection).await.map_err(dialect::error).map(|_| ())
        }
        _ => Err(StoreError::Schema(format!(
            "{DATABASE_FILE} is a database of another program; move it away, or choose another --data-dir"
        ))),
    }
}

async fn number(connection: &mut Connection, sql: &'static str) -> Result<i32> {
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(dialect::error)?;
    row.try_get(0).map_err(dialect::error)
}

/// Checks that this version can work with the schema.
pub(super) async fn check_schema(readers: &Pool<Db>) -> Result<()> {
    let mut connection = readers.acquire().await.map_err(dialect::error)?;
    let applied = schema::newest_migration(&mut connection).await?.unwrap_or_default();
    let known = schema::newest_of(&MIGRATIONS);
    match applied.cmp(&known) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => schema::check_compatible(&mut connection, applied, known).await,
        Ordering::Less => Err(schema::older(applied, known)),
    }
}

/// Moves the log into the database file and closes all connections.
pub(super) async fn close(store: &SqliteStore) {
    store.readers.close().await;
    if store.lock.is_none() {
        return;
    }
    // What can't be moved now is read from the log at the next start.
    if let Err(error) = checkpoint(store).await {
        tracing::warn!(%error, "can't checkpoint the write-ahead log; it remains");
    }
    store.writer.close().await;
}

/// Moves the log into the database file, which then contains everything.
pub(super) async fn checkpoint(store: &SqliteStore) -> Result<()> {
    let moved = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&store.writer).await;
    moved.map(drop).map_err(dialect::error)
}
