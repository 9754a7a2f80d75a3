//! The embedded engine: one SQLite file in the data directory, used by one process at a time.
//!
//! All writes go through one connection, one after the other. Reads have separate connections and never wait for
//! writes (write-ahead log). A write is on the disk when its method returns (`synchronous = FULL`).
//!
//! Deleted secrets are overwritten in the database file (`secure_delete`). Older copies of their pages may remain
//! in the write-ahead log until the next checkpoint, at the latest until the store is closed.

mod backup;
mod dialect;
mod open;
mod restore;
mod row_values;
#[path = "../sql/mod.rs"]
mod sql;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bucketry_model::id::OrgId;
use jiff::Timestamp;
use sqlx::Pool;

use crate::data_dir::DataDirLock;
use crate::lease::Lease;
use crate::signal::{Signal, SignalStore, Signals};
use crate::{Result, Store};
use dialect::Db;
use sql::Generations;

pub use backup::{record_backup, source};
pub use open::Options;
pub use restore::SqliteRestore;
pub(crate) use tables::tables_of;

/// The name of the database file in the data directory.
pub const DATABASE_FILE: &str = "bucketry.db";

/// The registry in a SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Pool<Db>,
    readers: Pool<Db>,
    generations: Arc<Generations>,
    skip_audit: bool,
    file: PathBuf,
    // Held until the store is dropped. `None` if the database is only read.
    lock: Option<Arc<DataDirLock>>,
    // Removed with its files when the store is dropped. `None` unless the store is temporary.
    _temporary: Option<Arc<tempfile::TempDir>>,
    /// The lease without which writes are refused.
    fence: Option<Lease>,
}

/// The store that `sql` is compiled for.
type EngineStore = SqliteStore;

impl SqliteStore {
    /// The directory stays locked until the process ends.
    #[expect(clippy::unused_async, reason = "other engines query their database")]
    async fn is_claimed(&self) -> bool {
        self.lock.is_some()
    }

    /// Only one process uses the database at a time.
    #[expect(clippy::unused_async, reason = "other engines query their database")]
    async fn generation(&self, org_id: OrgId) -> Result<u64> {
        Ok(self.generations.of(org_id))
    }

    #[expect(clippy::unused_async, reason = "other engines query their database")]
    async fn generation_of_shown(&self, org_id: OrgId) -> Result<u64> {
        Ok(self.generations.shown_of(org_id))
    }

    #[expect(clippy::unused_async, reason = "other engines query their database")]
    async fn generations_of(&self, org_ids: &[OrgId]) -> Result<Vec<u64>> {
        Ok(org_ids.iter().map(|org_id| self.generations.of(*org_id)).collect())
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}

#[async_trait]
impl SignalStore for SqliteStore {
    async fn listen(&self) -> Result<Option<Box<dyn Signals>>> {
        Ok(None)
    }

    async fn send(&self, signals: Vec<Signal>) -> Result<()> {
        self.send_signals(signals).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn is_shared(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<()> {
        open::check_schema(&self.readers).await
    }

    /// Only one process uses the database at a time, so no other version can upgrade it meanwhile.
    fn check_version(&self) -> Result<()> {
        Ok(())
    }

    async fn outdated(&self) {
        std::future::pending::<()>().await;
    }

    async fn check_writes(&self, now: Timestamp) -> Result<()> {
        self.try_write(now).await
    }

    async fn close(&self) {
        open::close(self).await;
    }
}
