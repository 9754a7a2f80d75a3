//! Who uses a registry: any number of servers, or `bucketry migrate` alone.
//!
//! Both hold a session-level advisory lock on the registry's schema, a server a shared one and a migration an
//! exclusive one. A dedicated connection holds the lock while the store is open. If a server loses that connection,
//! it opens another one. The registry is protected in between too, because each connection of a server's pool also
//! holds the shared lock. So a migration begins only when no connection is left that could write, and no connection
//! is opened while it runs.
//!
//! A server that finds a migration opens no more connections, because its registry may have been moved. It finds
//! out even after the migration has ended, because the database counts migrations ([`super::fence`]).

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Pool, Row as _};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::dialect::{self, Connection, Db};
use super::fence::{self, Fence, TRY_SHARED, schema_key};
use crate::{Result, StoreError};

/// Another lock, which only the process holds that makes a scheduled backup. The first key is `BKTS`.
pub(super) const TRY_BACKUP: &str = concat!("SELECT pg_try_advisory_lock(1112233043, ", schema_key!(), ")");
const TRY_ALONE: &str = concat!("SELECT pg_try_advisory_lock(1112233042, ", schema_key!(), ")");

/// Counts a migration.
const BEGIN: &str = "INSERT INTO migrations_begun (id, number) VALUES (1, 1) \
                     ON CONFLICT (id) DO UPDATE SET number = migrations_begun.number + 1";

/// How often the dedicated connection is checked. So soon a server notices that a newer version has upgraded the database.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The delay before a lost connection is opened again, and before a lock that somebody else holds is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// A connection that doesn't respond within this time counts as lost.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How a registry is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// By a server, possibly with others.
    Shared,
    /// By a migration, exclusively.
    Alone,
}

/// A claim on the registry, until it is dropped or released.
pub(super) struct Claim {
    held: Arc<Held>,
    keeper: JoinHandle<()>,
    /// Closes a server's connections when the fence says so.
    closer: Option<JoinHandle<()>>,
}

struct Held {
    connection: Mutex<Option<Connection>>,
    fence: Fence,
}

impl Claim {
    /// Claims the registry at an address. Waits up to `within` for others to leave, because they may be about to.
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
        Ok(Self { held, keeper, closer: None })
    }

    /// Counts a migration, or for a server stores how many there were before it. The schema must exist.
    pub(super) async fn begin(&self, how: Use) -> Result<()> {
        let mut slot = self.held.connection.lock().await;
        let Some(connection) = slot.as_mut() else { return Err(StoreError::BeingMigrated) };
        match how {
            Use::Alone => sqlx::query(BEGIN).execute(connection).await.map(drop).map_err(dialect::error),
            Use::Shared => self.held.fence.begin(connection).await,
        }
    }

    /// Ends the connections of servers that are too old for the schema. Waits for that at most `within`.
    pub(super) async fn end_outdated(&self, within: Duration) {
        if let Some(connection) = self.held.connection.lock().await.as_mut() {
            fence::end_outdated(connection, within).await;
        }
    }

    /// Closes these connections as soon as a newer version has upgraded the database in a way that this one can't work with.
    pub(super) fn close_when_outdated(&mut self, pools: Vec<Pool<Db>>) {
        let fence = self.fence();
        self.closer = Some(tokio::spawn(async move {
            fence.outdated().await;
            // From here on, nobody gets a connection. Those in use are closed when their transactions end.
            let closing: Vec<_> = pools.iter().map(Pool::close).collect();
            for pool in closing {
                pool.await;
            }
        }));
    }

    /// The fence that decides whether connections of a server's pool may be used.
    pub(super) fn fence(&self) -> Fence {
        self.held.fence.clone()
    }

    /// Whether the claim was held without interruption until now. An exclusive claim that was lost can't be
    /// regained.
    pub(super) async fn is_held(&self) -> bool {
        if self.held.fence.is_closed() {
            return false;
        }
        answers(self.held.connection.lock().await.as_mut()).await
    }

    /// Releases the registry immediately.
    pub(super) async fn release(&self) {
        self.keeper.abort();
        if let Some(connection) = self.held.connection.lock().await.take() {
            // If closing fails, the connection is gone anyway.
            drop(connection.close().await);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.keeper.abort();
        if let Some(closer) = &self.closer {
            closer.abort();
        }
    }
}

async fn try_lock(connection: &mut Connection, how: Use) -> Result<bool> {
    let sql = match how {
        Use::Shared => TRY_SHARED,
        Use::Alone => TRY_ALONE,
    };
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(dialect::error)?;
    row.try_get(0).map_err(dialect::error)
}

/// Whether the session that holds the lock still responds.
async fn answers(connection: Option<&mut Connection>) -> bool {
    let Some(connection) = connection else { return false };
    tokio::time::timeout(ANSWERS_WITHIN, connection.ping()).await.is_ok_and(|answered| answered.is_ok())
}

/// The same, and closes the fence if this version can't work with the schema any more.
async fn is_usable(connection: Option<&mut Connection>, fence: &Fence) -> bool {
    let Some(connection) = connection else { return false };
    tokio::time::timeout(ANSWERS_WITHIN, fence.refresh(connection)).await.is_ok_and(|read| read.is_ok())
}

/// Maintains the dedicated connection, until a migration loses its own, a server finds a migration, or this version can't work
/// with the schema any more.
async fn keep(held: Arc<Held>, connecting: PgConnectOptions, how: Use) {
    loop {
        sleep(LOOK_AGAIN).await;
        let mut slot = held.connection.lock().await;
        let is_usable = is_usable(slot.as_mut(), &held.fence).await;
        if is_usable && !held.fence.is_closed() {
            continue;
        }
        *slot = None;
        if held.fence.is_closed() {
            return;
        }
        if how == Use::Alone {
            // Others may have used the registry in between.
            return held.fence.lose();
        }
        drop(slot);
        let Some(again) = open_again(&connecting, &held.fence).await else { return held.fence.close() };
        *held.connection.lock().await = Some(again);
    }
}

/// Opens a connection with the shared lock as soon as the server can be reached. `None` if a migration has the
/// registry.
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
