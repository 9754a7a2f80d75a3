//! Opening a database: connections and schema.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Pool, Row as _};

use super::claim::{Claim, Use};
use super::dialect::{self, Connection, Db};
use super::fence::Fence;
use super::signals::Listening;
use super::sql::Generations;
use super::sql::schema::{self, AcceptedSchema};
use super::{Address, PostgresStore};
use crate::{Result, StoreError, migrations};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(migrations::postgres);

/// The oldest version that the statements are tested on, in the form of `server_version_num`.
const OLDEST_SERVER: i32 = 150_000;

/// A connection that was idle for longer than this is pinged before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How long a server that starts waits for the end of the connections of older ones.
const END_OUTDATED_WITHIN: Duration = Duration::from_secs(15);

/// How a database is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// The largest number of connections.
    pub connections: u32,
    /// How long a call waits for a connection, because all are in use or the server doesn't respond.
    pub acquire_timeout: Duration,
    /// How long a statement may run before the server ends it.
    pub statement_timeout: Duration,
    /// How long a statement waits for a row or table that another transaction has locked.
    pub lock_timeout: Duration,
    /// Stores changes without their records in the audit. Only benchmarks set it, to measure what these cost. No
    /// setting or flag of the server may, so that an operator can't switch the audit off.
    #[doc(hidden)]
    pub skip_audit: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            skip_audit: false,
        }
    }
}

impl PostgresStore {
    /// Opens the database at an address and brings its schema up to date. If several processes do so at the same
    /// time, one does the work and the others wait for it.
    ///
    /// A process that dies during an upgrade leaves the schema as it was before the current step. The next call
    /// continues from there. A schema of a newer version is left as it is, if this version can work with it.
    ///
    /// Other servers may use the database too, but no migration ([`Self::open_alone`]) can run while the store is
    /// open.
    pub async fn open(address: &Address, options: &Options) -> Result<Self> {
        Self::open_claimed(address, options, Use::Shared).await
    }

    /// Opens the database for a migration: nobody else uses the registry while the store is open and
    /// [`Source::is_undisturbed`](crate::transfer::Source::is_undisturbed) returns true. Refuses the schema of a newer
    /// version, because it may have tables that this version wouldn't move.
    pub async fn open_alone(address: &Address, options: &Options) -> Result<Self> {
        Self::open_claimed(address, options, Use::Alone).await
    }

    /// Whether the claim was held since the store was opened, so that no other claimant can have used the registry.
    pub(super) async fn is_claimed(&self) -> bool {
        match &self.claim {
            Some(claim) => claim.is_held().await,
            None => false,
        }
    }

    /// Opens the database at an address for reading only. Creates, changes and claims nothing.
    pub async fn open_to_read(address: &Address) -> Result<Self> {
        let options = Options { connections: 1, ..Options::default() };
        let connecting = address.options().application_name("bucketry");
        within(&options, reach(&connecting)).await?;
        let reading = connecting.options([("default_transaction_read_only", "on")]);
        Ok(Self::over(pool(&options, None).connect_lazy_with(reading), None))
    }

    /// Opens the database for a restore, with the schema that these migrations make: nobody else uses it.
    pub(super) async fn open_to_restore(
        address: &Address,
        options: &Options,
        migrations: &Migrator,
    ) -> Result<Self> {
        let connecting = connecting(address);
        within(options, reach(&connecting)).await?;
        let claim = Claim::take(&connecting, Use::Alone, options.acquire_timeout).await?;
        prepare(&connecting, migrations, AcceptedSchema::Own).await.map_err(|error| match error {
            StoreError::Schema(_) | StoreError::Outdated(_) => StoreError::Schema(
                "its schema is newer than that of the backup, or another program's: restore into an empty database".to_owned(),
            ),
            other => other,
        })?;
        let pool = pool(options, None).connect_lazy_with(limited(connecting, options));
        Ok(Self::over(pool, Some(claim)))
    }

    /// Runs the migrations that an older schema lacks, in a store that was opened for a restore.
    pub(super) async fn upgrade(&self, address: &Address) -> Result<()> {
        let has_unlisted = prepare(&connecting(address), &MIGRATIONS, AcceptedSchema::Own).await?;
        if let Some(claim) = &self.claim {
            claim.begin(Use::Alone).await?;
        }
        if has_unlisted { self.list_unlisted().await } else { Ok(()) }
    }

    fn over(pool: Pool<Db>, claim: Option<Claim>) -> Self {
        Self {
            writer: pool.clone(),
            readers: pool,
            generations: Arc::new(Generations::new()),
            skip_audit: false,
            shared: Arc::default(),
            claim: claim.map(Arc::new),
            fence: None,
            listening: None,
        }
    }

    async fn open_claimed(address: &Address, options: &Options, how: Use) -> Result<Self> {
        let connecting = connecting(address);
        within(options, reach(&connecting)).await?;
        let mut claim = Claim::take(&connecting, how, options.acquire_timeout).await?;
        let accepted = match how {
            Use::Shared => AcceptedSchema::Compatible,
            Use::Alone => AcceptedSchema::Own,
        };
        let has_unlisted = prepare(&connecting, &MIGRATIONS, accepted).await?;
        claim.begin(how).await?;
        claim.end_outdated(END_OUTDATED_WITHIN.min(options.statement_timeout)).await;

        let limited = limited(connecting, options);
        let fence = (how == Use::Shared).then(|| claim.fence());
        let listening = fence.clone().map(|fence| listening(options, fence, limited.clone()));
        let pool = pool(options, fence).connect_lazy_with(limited);
        if let Some(Listening { pool: listening }) = &listening {
            claim.close_when_outdated(vec![pool.clone(), listening.clone()]);
        }
        check(&pool).await?;
        let store = Self { skip_audit: options.skip_audit, listening, ..Self::over(pool, Some(claim)) };
        if has_unlisted {
            store.list_unlisted().await?;
        }
        Ok(store)
    }
}

fn connecting(address: &Address) -> PgConnectOptions {
    address.options().application_name("bucketry").statement_cache_capacity(512)
}

/// Options for the connections of a store, whose statements may not take forever.
fn limited(connecting: PgConnectOptions, options: &Options) -> PgConnectOptions {
    let milliseconds = |time: Duration| time.as_millis().to_string();
    connecting.options([
        ("statement_timeout", milliseconds(options.statement_timeout)),
        ("lock_timeout", milliseconds(options.lock_timeout)),
        // A process that is disconnected in the middle of a transaction must not hold its locks until the network's own
        // time-outs end the connection.
        ("idle_in_transaction_session_timeout", milliseconds(options.statement_timeout * 2)),
    ])
}

/// Checks whether the database at an address can be used as it is, without changing it. Returns the server's
/// version.
pub async fn examine(address: &Address) -> Result<String> {
    let options = Options { connections: 1, ..Options::default() };
    let connecting = address.options().application_name("bucketry");
    let version = within(&options, reach(&connecting)).await?;
    let pool = pool(&options, None).connect_lazy_with(connecting);
    let checked = check(&pool).await;
    pool.close().await;
    checked.map(|()| version)
}

/// A server that doesn't respond must not block longer than one call may take.
pub(super) async fn within<T>(options: &Options, reaching: impl Future<Output = Result<T>>) -> Result<T> {
    let reached = tokio::time::timeout(options.acquire_timeout, reaching).await;
    reached.map_err(|late| StoreError::Unavailable(Box::new(late)))?
}

fn pool(options: &Options, fence: Option<Fence>) -> PgPoolOptions {
    PgPoolOptions::new()
        .after_connect(move |connection, _| {
            let fence = fence.clone();
            Box::pin(async move {
                match fence {
                    Some(fence) => fence.admit(connection).await,
                    None => Ok(()),
                }
            })
        })
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        // A connection that is in steady use need not be checked each time.
        .before_acquire(|connection, last| {
            Box::pin(async move {
                if last.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// A separate connection for signals, which is open while somebody listens.
fn listening(options: &Options, fence: Fence, limited: PgConnectOptions) -> Listening {
    let one = Options { connections: 1, ..options.clone() };
    let pool = pool(&one, Some(fence)).max_lifetime(None).idle_timeout(None);
    Listening { pool: pool.connect_lazy_with(limited) }
}

/// Checks that the server responds and is recent enough. Returns its version.
pub(super) async fn reach(connecting: &PgConnectOptions) -> Result<String> {
    let mut connection = connecting.connect().await.map_err(dialect::error)?;
    let row =
        sqlx::query("SELECT current_setting('server_version_num')::int4, current_setting('server_version')")
            .fetch_one(&mut connection)
            .await
            .map_err(dialect::error)?;
    let number: i32 = row.try_get(0).map_err(dialect::error)?;
    let version: String = row.try_get(1).map_err(dialect::error)?;
    if number < OLDEST_SERVER {
        return Err(StoreError::Schema(format!(
            "the server is PostgreSQL {version}; version 15 or newer is required"
        )));
    }
    connection.close().await.map_err(dialect::error)?;
    Ok(version)
}

/// Rejects the database of another program, and runs the missing migrations. Without time-outs, because a large
/// table takes long, and so does waiting for another process that upgrades the schema. Returns whether the store has
/// something to fill in.
async fn prepare(
    connecting: &PgConnectOptions,
    migrations: &Migrator,
    accepted: AcceptedSchema,
) -> Result<bool> {
    let unlimited = connecting.clone().options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    let mut connection = unlimited.connect().await.map_err(dialect::error)?;
    refuse_foreign(&mut connection).await?;
    schema::migrate(&mut connection, migrations, accepted).await?;
    // An older schema may not have the table yet.
    let sql = "SELECT 1 FROM pg_class c WHERE c.relname = 'unlisted' \
               AND c.relnamespace = current_schema()::regnamespace";
    if sqlx::query(sql).fetch_optional(&mut connection).await.map_err(dialect::error)?.is_none() {
        connection.close().await.map_err(dialect::error)?;
        return Ok(false);
    }
    let counted = sqlx::query("SELECT COUNT(*) FROM unlisted").fetch_one(&mut connection).await;
    let unlisted: i64 = counted.and_then(|row| row.try_get(0)).map_err(dialect::error)?;
    connection.close().await.map_err(dialect::error)?;
    Ok(unlisted > 0)
}

/// Rejects the database of another program.
pub(super) async fn refuse_foreign(connection: &mut Connection) -> Result<()> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE c.relname = '_sqlx_migrations') FROM pg_class c \
               WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
    let row = sqlx::query(sql).fetch_one(&mut *connection).await.map_err(dialect::error)?;
    let (tables, ours): (i64, i64) =
        (row.try_get(0).map_err(dialect::error)?, row.try_get(1).map_err(dialect::error)?);
    if ours == 0 {
        return if tables == 0 { Ok(()) } else { Err(foreign()) };
    }
    // Other programs use the same library for their migrations.
    let first = sqlx::query("SELECT description FROM _sqlx_migrations ORDER BY version LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(dialect::error)?;
    let described: Option<String> = first.map(|row| row.try_get(0)).transpose().map_err(dialect::error)?;
    let own = MIGRATIONS.iter().next().map(|migration| migration.description.as_ref());
    match described.as_deref() {
        Some(described) if Some(described) != own => Err(foreign()),
        // Another process began, but died before its first migration.
        None if tables > 1 => Err(foreign()),
        _ => Ok(()),
    }
}

fn foreign() -> StoreError {
    StoreError::Schema(
        "it contains the tables of another program; give Bucketry a dedicated database, or a dedicated schema with \
         ?options=-csearch_path%3Dbucketry at the end of the address"
            .to_owned(),
    )
}

/// The database rejects writes.
#[derive(Debug, thiserror::Error)]
#[error("it is a standby, or default_transaction_read_only is on")]
pub(super) struct ReadOnly;

/// The address leads to a database that can't be upgraded, such as a standby that hasn't replayed the upgrade yet.
fn not_upgraded(applied: i64, known: i64) -> StoreError {
    StoreError::Schema(format!(
        "it has migration {applied}, but this version needs {known}, and it is read-only: let the address lead to the primary"
    ))
}

/// The newest migration in a database; `None` if it is new. Refuses a newer version's that this version can't work with.
pub(super) async fn usable_migration(connection: &mut Connection) -> Result<Option<i64>> {
    let newest = schema::newest_migration(connection).await?;
    if newest.is_some_and(|newest| newest > schema::newest_of(&MIGRATIONS)) {
        schema::accept_newer(connection, &MIGRATIONS).await?;
    }
    Ok(newest)
}

/// Checks that this version can work with the schema, and that the database isn't read-only.
pub(super) async fn check(pool: &Pool<Db>) -> Result<()> {
    let sql = "SELECT COALESCE(MAX(version), 0), current_setting('transaction_read_only') = 'on' \
               FROM _sqlx_migrations WHERE success";
    let row = sqlx::query(sql).fetch_one(pool).await.map_err(dialect::error)?;
    let applied: i64 = row.try_get(0).map_err(dialect::error)?;
    let is_read_only: bool = row.try_get(1).map_err(dialect::error)?;
    let known = schema::newest_of(&MIGRATIONS);
    match applied.cmp(&known) {
        Ordering::Greater => {
            let mut connection = pool.acquire().await.map_err(dialect::error)?;
            schema::check_compatible(&mut connection, applied, known).await?;
        }
        Ordering::Less if is_read_only => return Err(not_upgraded(applied, known)),
        Ordering::Less => return Err(schema::older(applied, known)),
        Ordering::Equal => {}
    }
    if is_read_only { Err(StoreError::ReadOnly(Box::new(ReadOnly))) } else { Ok(()) }
}
