//! Who uses a registry: any number of servers together, or `bucketry migrate` alone.
//!
//! Both are session-level advisory locks on the registry's schema. A dedicated connection holds one as long as the
//! store is open, and is opened again where it is lost. In between, nothing is lost: each connection of a server's pool
//! holds the shared lock as well, so that a migration begins only when no connection is left that could write, and none
//! is opened while it runs. A server that finds out that a migration began takes no connection any more: its registry
//! may be elsewhere by now. It also finds out afterwards, because migrations are counted in the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::dialect::{self, Connection};
use crate::{Result, StoreError};

/// Locks the schema's number (`oid`), moved into the range of the lock's second half. The first half is `BKTR`.
macro_rules! try_lock {
    ($function:literal) => {
        concat!(
            "SELECT ",
            $function,
            "(1112233042, (COALESCE(current_schema()::regnamespace::oid::bigint, 0) - 2147483648)::int)"
        )
    };
}
const TRY_SHARED: &str = try_lock!("pg_try_advisory_lock_shared");
const TRY_ALONE: &str = try_lock!("pg_try_advisory_lock");

/// How many migrations have begun so far.
const BEGUN: &str = "SELECT COALESCE((SELECT m.number FROM migrations_begun m WHERE m.id = 1), 0)";
const BEGIN: &str = "INSERT INTO migrations_begun (id, number) VALUES (1, 1) \
                     ON CONFLICT (id) DO UPDATE SET number = migrations_begun.number + 1";

/// How often a dedicated connection is asked whether it still is one: also often enough for those between that forget
/// silent connections.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How soon a lost one is opened again, and how soon a lock that somebody else has is asked for again.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// A connection that takes longer to answer is taken for lost.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How a registry is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// By a server, beside others.
    Shared,
    /// By a migration.
    Alone,
}

/// The registry, claimed until this is dropped or released.
pub(super) struct Claim {
    held: Arc<Held>,
    keeper: JoinHandle<()>,
}

struct Held {
    connection: Mutex<Option<Connection>>,
    fence: Fence,
}

impl Claim {
    /// Claims the registry at an address; waits so long for others to leave, who may be about to.
    pub(super) async fn take(connecting: &PgConnectOptions, how: Use, within: Duration) -> Result<Self> {
        let until = Instant::now() + within;
        let mut connection = connecting.connect().await.map_err(dialect::error)?;
        while !try_lock(&mut connection, how).await? {
            if Instant::now() >= until {
                connection.close().await.map_err(dialect::error)?;
                return Err(match how {
                    Use::Shared => StoreError::BeingMigrated,
                    Use::Alone => StoreError::UsedByServer,
                });
            }
            sleep(TRY_AGAIN).await;
        }
        let held = Arc::new(Held { connection: Mutex::new(Some(connection)), fence: Fence::default() });
        let keeper = tokio::spawn(keep(Arc::clone(&held), connecting.clone(), how));
        Ok(Self { held, keeper })
    }

    /// Counts a migration that has the registry alone, or notes how many there were before this server. The schema must be
    /// there.
    pub(super) async fn begin(&self, how: Use) -> Result<()> {
        let mut slot = self.held.connection.lock().await;
        let Some(connection) = slot.as_mut() else { return Err(StoreError::BeingMigrated) };
        match how {
            Use::Alone => sqlx::query(BEGIN).execute(connection).await.map(drop).map_err(dialect::error),
            Use::Shared => {
                let begun = begun(connection).await.map_err(dialect::error)?;
                self.held.fence.0.begun.store(begun, Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// What connections of a server's pool go by.
    pub(super) fn fence(&self) -> Fence {
        self.held.fence.clone()
    }

    /// Whether the claim held all the time until now. One that is the registry's only one and was lost is lost for good.
    pub(super) async fn is_held(&self) -> bool {
        if self.held.fence.is_closed() {
            return false;
        }
        answers(self.held.connection.lock().await.as_mut()).await
    }

    /// Lets go of the registry at once.
    pub(super) async fn release(&self) {
        self.keeper.abort();
        if let Some(connection) = self.held.connection.lock().await.take() {
            // Where that fails, it is gone anyway.
            drop(connection.close().await);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Whether connections may still be used: shut for good once a migration was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Fence(Arc<FenceState>);

#[derive(Debug, Default)]
struct FenceState {
    closed: AtomicBool,
    /// How many migrations had begun when the server started.
    begun: AtomicI64,
}

impl Fence {
    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    fn close(&self) {
        if !self.0.closed.swap(true, Ordering::SeqCst) {
            tracing::error!("{}", StoreError::BeingMigrated);
        }
    }

    /// Makes a new connection hold the shared lock, or refuses it.
    pub(super) async fn admit(&self, connection: &mut Connection) -> std::result::Result<(), sqlx::Error> {
        let refused = || sqlx::Error::Protocol(StoreError::BeingMigrated.to_string());
        if self.is_closed() {
            return Err(refused());
        }
        let locked: bool = sqlx::query(TRY_SHARED).fetch_one(&mut *connection).await?.try_get(0)?;
        if locked && begun(connection).await? == self.0.begun.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.close();
        Err(refused())
    }
}

async fn begun(connection: &mut Connection) -> std::result::Result<i64, sqlx::Error> {
    sqlx::query(BEGUN).fetch_one(connection).await?.try_get(0)
}

async fn try_lock(connection: &mut Connection, how: Use) -> Result<bool> {
    let sql = match how {
        Use::Shared => TRY_SHARED,
        Use::Alone => TRY_ALONE,
    };
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(dialect::error)?;
    row.try_get(0).map_err(dialect::error)
}

/// Whether the session that has the lock is still there.
async fn answers(connection: Option<&mut Connection>) -> bool {
    let Some(connection) = connection else { return false };
    tokio::time::timeout(ANSWERS_WITHIN, connection.ping()).await.is_ok_and(|answered| answered.is_ok())
}

/// Keeps the dedicated connection, until a migration's is lost or a server finds one.
async fn keep(held: Arc<Held>, connecting: PgConnectOptions, how: Use) {
    loop {
        sleep(LOOK_AGAIN).await;
        let mut slot = held.connection.lock().await;
        if answers(slot.as_mut()).await {
            continue;
        }
        *slot = None;
        if how == Use::Alone {
            // Others may have come in between.
            held.fence.0.closed.store(true, Ordering::SeqCst);
            return;
        }
        drop(slot);
        let Some(again) = open_again(&connecting, &held.fence).await else { return held.fence.close() };
        *held.connection.lock().await = Some(again);
    }
}

/// A connection with the shared lock, as soon as the server can be reached; none where a migration has the registry.
async fn open_again(connecting: &PgConnectOptions, fence: &Fence) -> Option<Connection> {
    loop {
        let opening = async {
            let mut connection = connecting.connect().await?;
            match fence.admit(&mut connection).await {
                Err(_) if fence.is_closed() => Ok(None),
                admitted => admitted.map(|()| Some(connection)),
            }
        };
        if let Ok(Ok::<_, sqlx::Error>(opened)) = tokio::time::timeout(ANSWERS_WITHIN, opening).await {
            return opened;
        }
        sleep(TRY_AGAIN).await;
    }
}
