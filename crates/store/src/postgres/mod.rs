//! The engine for deployments with PostgreSQL (15 or newer). It uses a dedicated database, or a dedicated schema.
//!
//! Statements run on one pool of connections. A transaction sees what was committed before each of its statements
//! (`READ COMMITTED`), and locks the rows about which it decides. If two transactions deadlock, the server ends one
//! of them, and its caller is told to try again.
//!
//! Several processes may use one database. What one process writes, the others see immediately. Only the numbers
//! that show whether a cached list is still current may be [`GENERATION_FRESH_FOR`] old.
//!
//! A deleted secret disappears from its table with the next vacuum, and from the server's write-ahead log and
//! backups when those are deleted.

mod address;
mod backup;
mod candidate;
mod claim;
mod dialect;
mod fence;
mod generation;
mod open;
mod restore;
mod row_values;
mod signals;
#[path = "../sql/mod.rs"]
mod sql;
mod throwaway;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Pool;

use crate::lease::Lease;
use crate::{Result, Store};
use claim::Claim;
use dialect::Db;
use generation::SharedGenerations;
use signals::Listening;
use sql::Generations;

pub use address::{Address, WrongAddress};
pub use backup::{source, source_alone};
pub use candidate::{CandidateDatabase, candidate};
pub use generation::GENERATION_FRESH_FOR;
pub use open::{Options, examine};
pub use restore::PostgresRestore;
pub use throwaway::ThrowawaySchema;

/// The registry in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    // Both are the same pool, because any connection may write.
    writer: Pool<Db>,
    readers: Pool<Db>,
    generations: Arc<Generations>,
    skip_audit: bool,
    shared: Arc<SharedGenerations>,
    /// `None` if the registry is only read, or no other process may use it.
    listening: Option<Listening>,
    /// `None` if the registry is only read.
    claim: Option<Arc<Claim>>,
    /// The lease without which writes are refused.
    fence: Option<Lease>,
}

/// The store that `sql` is compiled for.
type EngineStore = PostgresStore;

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn is_shared(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<()> {
        let fence = || self.claim.as_ref().map_or(Ok(()), |claim| claim.fence().check());
        fence()?;
        // It may be this call's connection that was rejected.
        open::check(&self.readers).await.map_err(|error| fence().err().unwrap_or(error))
    }

    fn check_version(&self) -> Result<()> {
        self.claim.as_ref().map_or(Ok(()), |claim| claim.fence().check_version())
    }

    async fn outdated(&self) {
        match &self.claim {
            Some(claim) => claim.fence().outdated().await,
            None => std::future::pending().await,
        }
    }

    async fn check_writes(&self, now: Timestamp) -> Result<()> {
        self.try_write(now).await
    }

    async fn close(&self) {
        if let Some(listening) = &self.listening {
            // A server that doesn't respond must not delay the end.
            _ = tokio::time::timeout(signals::CLOSED_WITHIN, listening.pool.close()).await;
        }
        self.readers.close().await;
        if let Some(claim) = &self.claim {
            claim.release().await;
        }
    }
}
