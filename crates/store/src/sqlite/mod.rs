//! The embedded engine: one SQLite file in the data directory, used by one process at a time.
//!
//! All writes go through one connection, one after the other; reads have connections of their own and never wait for
//! writes (write-ahead log). A write is on the disk when its method returns (`synchronous = FULL`).
//!
//! Deleted secrets are overwritten in the database file (`secure_delete`). Older images of their pages may stand in
//! the write-ahead log until the next checkpoint, at the latest when the store is closed.

mod attachment;
mod backup;
mod bucket;
mod bucket_list;
mod columns;
mod dialect;
mod generation;
mod idempotency;
mod member;
mod node;
mod open;
mod organization;
mod page;
mod probe;
mod repository;
mod repository_key;
mod repository_list;
mod statement;
mod status;
mod sync;
mod token;
mod usage;
mod usage_series;
mod user;
mod vault;
mod workspace;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Pool;

use crate::{Result, Store};
use dialect::Db;
use generation::Generations;

pub use backup::backup;
pub use open::Options;

/// The database's file name in the data directory.
pub const DATABASE_FILE: &str = "bucketry.db";
/// The name of the file in the data directory that is locked while a process uses the database.
pub const LOCK_FILE: &str = "lock";

/// The registry in a SQLite file.
pub struct SqliteStore {
    writer: Pool<Db>,
    readers: Pool<Db>,
    generations: Arc<Generations>,
    file: PathBuf,
    // Held until the store is dropped; the operating system lets go of it when the process dies.
    _lock: File,
    // Likewise; it takes the directory with it.
    _temporary: Option<tempfile::TempDir>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn check(&self) -> Result<()> {
        open::check_schema(&self.readers).await
    }

    async fn backup(&self, to: &Path) -> Result<()> {
        backup::copy(&self.readers, to).await
    }

    async fn close(&self) {
        open::close(self).await;
    }
}
