//! Whether this process may still use the registry.
//!
//! A fence closes permanently when `bucketry migrate` has moved the registry, or when a newer version has upgraded the database
//! in a way that this version can't work with. Each new connection is checked before it is used, and the connection that
//! holds the claim ([`super::claim`]) checks the schema every second. If a newer version is the reason, the connections that
//! are open already are closed, too, so nothing is written any more.
//!
//! The newer version doesn't wait for that. Each connection holds a shared lock whose key is the number of the newest migration
//! that its program knows. So a program that upgrades the database can find the connections of programs that are now too old, and
//! ends them before it serves its first request ([`end_outdated`]).

use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Row as _, query};
use tokio::sync::watch;

use super::dialect::{self, Connection};
use super::sql::schema::newest_of;
use crate::{Result, StoreError, migrations};

/// The second key of the locks on a registry: the `oid` of its schema, shifted into the signed range.
macro_rules! schema_key {
    () => {
        "(COALESCE(current_schema()::regnamespace::oid::bigint, 0) - 2147483648)::int"
    };
}
pub(super) use schema_key;

/// Takes the shared lock on the registry, unless `bucketry migrate` has it. The first key is `BKTR`.
pub(super) const TRY_SHARED: &str =
    concat!("SELECT pg_try_advisory_lock_shared(1112233042, ", schema_key!(), ")");
/// The same, and the lock that says which migrations this program knows. Nobody locks that key exclusively. Its first key is
/// `BKTT`.
const TRY_SHARED_AS: &str = concat!(
    "SELECT pg_try_advisory_lock_shared(1112233042, ",
    schema_key!(),
    "), pg_advisory_lock_shared(1112233044, $1)"
);

/// The number of migrations by `bucketry migrate` that have begun so far, the oldest program that can work with the schema, and
/// the schema's newest migration.
const STATE: &str = "SELECT COALESCE((SELECT m.number FROM migrations_begun m WHERE m.id = 1), 0), \
    (SELECT c.oldest_program FROM schema_compatibility c WHERE c.id = 1), \
    (SELECT MAX(a.version) FROM _sqlx_migrations a WHERE a.success)";

/// Ends the connections to this registry whose programs are older than the oldest that can work with the schema, and waits up to
/// 2 s for the end of each.
const END_OUTDATED: &str = concat!(
    "SELECT pg_terminate_backend(old.pid, 2000) FROM ( \
     SELECT DISTINCT known.pid FROM pg_locks known \
     JOIN pg_locks claim ON claim.pid = known.pid AND claim.database = known.database \
     JOIN schema_compatibility c ON c.id = 1 \
     WHERE known.locktype = 'advisory' AND known.classid = 1112233044 AND known.objsubid = 2 \
     AND known.objid::bigint < c.oldest_program \
     AND claim.locktype = 'advisory' AND claim.classid = 1112233042 AND claim.objsubid = 2 \
     AND claim.objid = ",
    schema_key!(),
    "::oid AND known.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) \
     AND known.pid <> pg_backend_pid()) old"
);

/// Why a fence is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// The registry is being moved, or was moved.
    BeingMigrated,
    /// A newer version has upgraded the database; the number is that of its newest migration.
    Outdated(i64),
    /// An exclusive claim was lost.
    Lost,
}

impl Closed {
    fn error(self) -> StoreError {
        match self {
            Self::BeingMigrated | Self::Lost => StoreError::BeingMigrated,
            Self::Outdated(migration) => StoreError::Outdated(migration),
        }
    }
}

/// Whether connections may still be used. Once closed, it is closed permanently.
#[derive(Debug, Clone, Default)]
pub(super) struct Fence(Arc<FenceState>);

#[derive(Debug)]
struct FenceState {
    closed: watch::Sender<Option<Closed>>,
    /// The number of migrations that had begun when the server started. Unset until the schema exists.
    begun: OnceLock<i64>,
}

impl Default for FenceState {
    fn default() -> Self {
        Self { closed: watch::Sender::new(None), begun: OnceLock::new() }
    }
}

impl Fence {
    /// Fails if the fence is closed.
    pub(super) fn check(&self) -> Result<()> {
        self.closed().map_or(Ok(()), |closed| Err(closed.error()))
    }

    /// Fails if a newer version is the reason that the fence is closed.
    pub(super) fn check_version(&self) -> Result<()> {
        match self.closed() {
            Some(closed @ Closed::Outdated(_)) => Err(closed.error()),
            _ => Ok(()),
        }
    }

    /// Waits until [`Self::check_version`] fails.
    pub(super) async fn outdated(&self) {
        let mut closed = self.0.closed.subscribe();
        // An error would mean that the sender is gone, which is part of this fence.
        _ = closed.wait_for(|closed| matches!(closed, Some(Closed::Outdated(_)))).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    fn closed(&self) -> Option<Closed> {
        *self.0.closed.borrow()
    }

    /// Closes the fence because `bucketry migrate` has the registry.
    pub(super) fn close(&self) {
        self.close_because(Closed::BeingMigrated);
    }

    /// Closes the fence because an exclusive claim was lost.
    pub(super) fn lose(&self) {
        self.close_because(Closed::Lost);
    }

    fn close_because(&self, reason: Closed) {
        let is_first = self.0.closed.send_if_modified(|closed| {
            let is_first = closed.is_none();
            *closed = closed.or(Some(reason));
            is_first
        });
        if is_first && reason != Closed::Lost {
            tracing::error!("{}", reason.error());
        }
    }

    /// Stores how many migrations there were before the server started. The schema must exist.
    pub(super) async fn begin(&self, connection: &mut Connection) -> Result<()> {
        let state = SchemaState::read(connection).await.map_err(dialect::error)?;
        // Set once, by the claim that owns the fence.
        _ = self.0.begun.set(state.begun);
        Ok(())
    }

    /// Makes a new connection hold the shared locks, or rejects it.
    pub(super) async fn admit(&self, connection: &mut Connection) -> std::result::Result<(), sqlx::Error> {
        let refused = |error: StoreError| sqlx::Error::Protocol(error.to_string());
        self.check().map_err(refused)?;
        let taking = query(TRY_SHARED_AS).bind(*KNOWN);
        let locked: bool = taking.fetch_one(&mut *connection).await?.try_get(0)?;
        if !locked {
            self.close();
            return self.check().map_err(refused);
        }
        let state = SchemaState::read(connection).await?;
        self.judge(state);
        if self.0.begun.get().is_some_and(|begun| *begun != state.begun) {
            self.close();
        }
        self.check().map_err(refused)
    }

    /// Checks on the claim's connection whether it responds, and whether this version can still work with the schema.
    pub(super) async fn refresh(&self, connection: &mut Connection) -> std::result::Result<(), sqlx::Error> {
        if self.0.begun.get().is_none() {
            return sqlx::Connection::ping(connection).await;
        }
        self.judge(SchemaState::read(connection).await?);
        Ok(())
    }

    fn judge(&self, state: SchemaState) {
        if let Some(oldest) = state.oldest_program
            && oldest > i64::from(*KNOWN)
        {
            self.close_because(Closed::Outdated(state.newest.unwrap_or(oldest)));
        }
    }
}

/// The newest migration that this program knows, as the key of a lock.
static KNOWN: LazyLock<i32> =
    LazyLock::new(|| i32::try_from(newest_of(&migrations::postgres())).unwrap_or(i32::MAX));

#[derive(Debug, Clone, Copy)]
struct SchemaState {
    begun: i64,
    oldest_program: Option<i64>,
    newest: Option<i64>,
}

impl SchemaState {
    async fn read(connection: &mut PgConnection) -> std::result::Result<Self, sqlx::Error> {
        let row = query(STATE).fetch_one(connection).await?;
        Ok(Self { begun: row.try_get(0)?, oldest_program: row.try_get(1)?, newest: row.try_get(2)? })
    }
}

/// Ends the connections of programs that are too old for the schema. If the database refuses, they notice within a second. After
/// `within`, the database continues alone, and the claim's connection is opened again if that takes much longer.
pub(super) async fn end_outdated(connection: &mut Connection, within: Duration) {
    let Ok(outcome) = tokio::time::timeout(within, query(END_OUTDATED).fetch_all(connection)).await else {
        return tracing::warn!(
            "the database hasn't ended all connections of servers of an older version within {} s; these servers can't work with \
             the upgraded database and stop using it within a second: upgrade them",
            within.as_secs()
        );
    };
    match outcome {
        Ok(ended) if ended.is_empty() => {}
        Ok(ended) => tracing::warn!(
            connections = ended.len(),
            "ended the connections of servers of an older version, which can't work with the upgraded database: upgrade them"
        ),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "can't end the connections of servers of an older version, which can't work with the upgraded database; they stop \
             using it within a second"
        ),
    }
}
