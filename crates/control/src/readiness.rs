//! Whether the deployment is ready to work.

use std::sync::Arc;
use std::time::Duration;

use bucketry_store::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::Control;

/// How long the result of a check is cached, so that `/ready`, `/health` and `/metrics` together cause at most one
/// check in this time, however often they are called.
const REMEMBER: Duration = Duration::from_secs(1);
/// How long the result of a test write is cached, so that checks cause at most one write in this time.
const REMEMBER_WRITES: Duration = Duration::from_secs(5);
/// A check that takes longer has failed: the database doesn't respond.
const RESPONDS_WITHIN: Duration = Duration::from_secs(10);
/// A test write that takes longer has failed: the database is locked, or the disk doesn't respond.
const WRITES_WITHIN: Duration = Duration::from_secs(5);

/// The conditions for a ready deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The database responds.
    pub database: bool,
    /// Whether the database accepts writes.
    pub writes: DatabaseWrites,
    /// This version can work with the schema.
    pub migrations: bool,
    /// At least one node is connected.
    pub node: bool,
}

impl Readiness {
    /// Whether all conditions are met.
    pub fn is_ready(self) -> bool {
        self.database && self.writes.are_accepted() && self.migrations && self.node
    }
}

/// Whether the database accepts writes, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DatabaseWrites {
    /// Writes succeed.
    Accepted,
    /// It is a standby, a setting of PostgreSQL forbids writes, or the file is write-protected. Reads work.
    ReadOnly,
    /// A write failed, for example because the disk is full, or wasn't tried because the database doesn't respond.
    #[default]
    Failing,
}

impl DatabaseWrites {
    /// Whether writes succeed.
    pub fn are_accepted(self) -> bool {
        self == Self::Accepted
    }

    fn of(written: &Result<(), StoreError>) -> Self {
        match written {
            Ok(()) => Self::Accepted,
            Err(StoreError::ReadOnly(_)) => Self::ReadOnly,
            Err(_) => Self::Failing,
        }
    }
}

/// What a check of the database found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseCheck {
    /// It responds.
    pub responds: bool,
    /// Whether it accepts writes.
    pub writes: DatabaseWrites,
    /// This version can work with its schema.
    pub migrations: bool,
}

impl DatabaseCheck {
    /// What is known without a test write.
    fn of(checked: &Result<(), StoreError>) -> Self {
        let writes = DatabaseWrites::of(checked);
        match checked {
            // A store reports that it is read-only only if this version can work with its schema.
            Ok(()) | Err(StoreError::ReadOnly(_)) => Self { responds: true, writes, migrations: true },
            Err(StoreError::Schema(_) | StoreError::Outdated(_)) => {
                Self { responds: true, writes, migrations: false }
            }
            Err(_) => Self::default(),
        }
    }
}

/// The results of the last check and of the last test write. Only one check is made at a time, and other callers wait
/// for its result.
#[derive(Debug, Default)]
pub(crate) struct DatabaseWatch {
    checked: Arc<Mutex<Option<(Instant, DatabaseCheck)>>>,
    written: Mutex<Option<(Instant, DatabaseWrites)>>,
}

impl Control {
    /// Checks all conditions.
    pub async fn readiness(&self) -> Readiness {
        let DatabaseCheck { responds, writes, migrations } = self.database_check().await;
        let node = responds && self.has_connected_node().await;
        Readiness { database: responds, writes, migrations, node }
    }

    /// Whether at least one node is connected.
    pub async fn has_connected_node(&self) -> bool {
        self.node_views().await.unwrap_or_default().iter().any(|view| view.connected)
    }

    /// Checks the database, at most once a second. A check that has begun is completed even if the future is dropped,
    /// so that impatient callers don't cause more checks.
    pub async fn database_check(&self) -> DatabaseCheck {
        let mut last = Arc::clone(&self.inner.database_watch.checked).lock_owned().await;
        if let Some((at, outcome)) = *last
            && at.elapsed() < REMEMBER
        {
            return outcome;
        }
        let control = self.clone();
        let check = tokio::spawn(async move {
            let outcome = timeout(RESPONDS_WITHIN, control.check_database()).await.unwrap_or_default();
            *last = Some((Instant::now(), outcome));
            outcome
        });
        check.await.unwrap_or_default()
    }

    async fn check_database(&self) -> DatabaseCheck {
        let mut found = DatabaseCheck::of(&self.inner.store.check().await);
        if found.migrations {
            let written = self.test_write().await;
            // The last test write may have been before the database became read-only.
            if found.writes.are_accepted() {
                found.writes = written;
            }
        }
        found
    }

    async fn test_write(&self) -> DatabaseWrites {
        let mut last = self.inner.database_watch.written.lock().await;
        if let Some((at, outcome)) = *last
            && at.elapsed() < REMEMBER_WRITES
        {
            return outcome;
        }
        let written =
            timeout(WRITES_WITHIN, self.inner.store.check_writes(self.inner.environment.now())).await;
        if let Ok(Err(error)) = &written {
            tracing::error!(error = error as &dyn std::error::Error, "the database doesn't accept writes");
        }
        let outcome = written.map_or(DatabaseWrites::Failing, |written| DatabaseWrites::of(&written));
        *last = Some((Instant::now(), outcome));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_only_database_responds() {
        let cause = || Box::new(std::io::Error::other("cause"));
        let check = |error: StoreError| DatabaseCheck::of(&Err(error));
        let read_only = DatabaseCheck { responds: true, writes: DatabaseWrites::ReadOnly, migrations: true };
        assert_eq!(check(StoreError::ReadOnly(cause())), read_only);
        let other_schema =
            DatabaseCheck { responds: true, writes: DatabaseWrites::Failing, migrations: false };
        assert_eq!(check(StoreError::Schema("older".to_owned())), other_schema);
        assert_eq!(check(StoreError::Unavailable(cause())), DatabaseCheck::default());
        let full = Err(StoreError::DiskFull(cause()));
        assert_eq!(DatabaseWrites::of(&full), DatabaseWrites::Failing);
        assert!(DatabaseWrites::of(&Ok(())).are_accepted());
    }
}
