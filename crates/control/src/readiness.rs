//! Whether the deployment is ready to work.

use std::time::Duration;

use bucketry_store::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::Control;

/// How long the result of a test write is cached, so that frequent readiness checks cause at most one write in this
/// time.
const REMEMBER: Duration = Duration::from_secs(5);
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

/// The result of the last test write. Only one is made at a time, and other callers wait for its result.
#[derive(Debug, Default)]
pub(crate) struct WriteWatch(Mutex<Option<(Instant, bool)>>);

impl Control {
    /// Checks all conditions.
    pub async fn readiness(&self) -> Readiness {
        let (database, migrations) = match self.inner.store.check().await {
            Ok(()) => (true, true),
            Err(StoreError::Schema(_)) => (true, false),
            Err(_) => (false, false),
        };
        let views = if database { self.node_views().await.unwrap_or_default() } else { Vec::new() };
        let writes = database && migrations && self.takes_writes().await;
        Readiness { database, writes, migrations, node: views.iter().any(|view| view.connected) }
    }

    async fn takes_writes(&self) -> bool {
        let mut last = self.inner.write_watch.0.lock().await;
        if let Some((at, outcome)) = *last
            && at.elapsed() < REMEMBER
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
