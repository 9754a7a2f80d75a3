//! Signals between the processes on one database, with `LISTEN` and `NOTIFY`.
//!
//! A transaction sends its signals when it commits. Each process listens on a dedicated connection, so that a pool whose
//! connections are all in use delays no signal.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgListener;
use sqlx::{Pool, Row as _};

use super::PostgresStore;
use super::dialect::{self, CHANNEL, Db};
use super::generation::SharedGenerations;
use crate::signal::{Signal, SignalStore, Signals};
use crate::{Result, StoreError};

/// After this time without signals, the connection is checked. Frequent enough to keep firewalls from dropping it as idle.
const CHECK_AFTER: Duration = Duration::from_secs(15);
/// A connection that doesn't respond within this time counts as lost.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// The connection is given up if it isn't closed within this time.
pub(super) const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// What a process needs to listen.
#[derive(Clone)]
pub(super) struct Listening {
    /// A pool of one connection, opened when somebody listens.
    pub(super) pool: Pool<Db>,
}

/// The connection that listens.
struct PostgresSignals {
    listener: PgListener,
    /// The id with which this process sends.
    own: String,
    shared: Arc<SharedGenerations>,
}

impl PostgresSignals {
    /// The signal in a message, unless this process sent it or doesn't know it.
    fn signal(&self, message: &str) -> Option<Signal> {
        let (process, signal) = message.split_once(' ')?;
        (process != self.own).then(|| signal.parse().ok()).flatten()
    }

    async fn check(&mut self) -> Result<()> {
        let checking = sqlx::query("SELECT 1").execute(&mut self.listener);
        let checked = tokio::time::timeout(ANSWERS_WITHIN, checking).await;
        checked.map_err(|late| StoreError::Unavailable(Box::new(late)))?.map_err(dialect::error)?;
        Ok(())
    }
}

#[async_trait]
impl Signals for PostgresSignals {
    async fn next(&mut self) -> Result<Signal> {
        loop {
            let Ok(received) = tokio::time::timeout(CHECK_AFTER, self.listener.try_recv()).await else {
                self.check().await?;
                continue;
            };
            let Some(notification) = received.map_err(dialect::error)? else {
                return Err(StoreError::Unavailable(Box::new(ConnectionLost)));
            };
            let Some(signal) = self.signal(notification.payload()) else { continue };
            if signal == Signal::Changed {
                // The other process raised them in the same transaction.
                self.shared.forget();
            }
            return Ok(signal);
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the connection that listens to other control planes was lost")]
struct ConnectionLost;

#[async_trait]
impl SignalStore for PostgresStore {
    async fn listen(&self) -> Result<Option<Box<dyn Signals>>> {
        let Some(listening) = &self.listening else { return Ok(None) };
        let mut listener = PgListener::connect_with(&listening.pool).await.map_err(dialect::error)?;
        // The listener must learn that signals were lost.
        listener.eager_reconnect(false);
        let row = sqlx::query(CHANNEL).fetch_one(&mut listener).await.map_err(dialect::error)?;
        let channel: String = row.try_get(0).map_err(dialect::error)?;
        listener.listen(&channel).await.map_err(dialect::error)?;
        let own = self.generations.process().to_owned();
        let shared = Arc::clone(&self.shared);
        Ok(Some(Box::new(PostgresSignals { listener, own, shared })))
    }

    async fn send(&self, signals: Vec<Signal>) -> Result<()> {
        self.send_signals(signals).await
    }
}
