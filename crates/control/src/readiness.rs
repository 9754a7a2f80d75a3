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
    /// The database accepts writes; false if it doesn't respond.
    pub writes: bool,
    /// The schema is the one that this version needs.
    pub migrations: bool,
    /// At least one node is connected.
    pub node: bool,
}

impl Readiness {
    /// Whether all conditions are met.
    pub fn is_ready(self) -> bool {
        self.database && self.writes && self.migrations && self.node
    }
}

/// What a check of the database found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseCheck {
    /// It responds.
    pub responds: bool,
    /// It accepts writes; false if it doesn't respond.
    pub writes: bool,
    /// Its schema is the one that this version needs.
    pub migrations: bool,
}

/// The results of the last check and of the last test write. Only one check is made at a time, and other callers wait
/// for its result.
#[derive(Debug, Default)]
pub(crate) struct DatabaseWatch {
    checked: Arc<Mutex<Option<(Instant, DatabaseCheck)>>>,
    written: Mutex<Option<(Instant, bool)>>,
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
        let (responds, migrations) = match self.inner.store.check().await {
            Ok(()) => (true, true),
            Err(StoreError::Schema(_) | StoreError::Outdated(_)) => (true, false),
            Err(_) => (false, false),
        };
        let writes = responds && migrations && self.takes_writes().await;
        DatabaseCheck { responds, writes, migrations }
    }

    async fn takes_writes(&self) -> bool {
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
        let outcome = matches!(written, Ok(Ok(())));
        *last = Some((Instant::now(), outcome));
        outcome
    }
}
