//! Whether the deployment can do its work.

use std::time::Duration;

use bucketry_store::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::Control;

/// How old the outcome of a write may be. Whoever asks more often, however many they are, costs one write in this time.
const REMEMBER: Duration = Duration::from_secs(5);
/// A write that takes longer counts as failed: something holds the database, or the disk doesn't answer.
const WRITES_WITHIN: Duration = Duration::from_secs(5);

/// What the deployment's work depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// The database answers.
    pub database: bool,
    /// It takes writes. Where it doesn't answer, that isn't known, and false.
    pub writes: bool,
    /// Its schema is the one that this version needs.
    pub migrations: bool,
    /// At least one node is connected.
    pub node: bool,
}

impl Readiness {
    /// Whether nothing is missing.
    pub fn is_ready(self) -> bool {
        self.database && self.writes && self.migrations && self.node
    }
}

/// The outcome of the last write that was made to find out. One is made at a time; the others wait for its outcome.
#[derive(Debug, Default)]
pub(crate) struct WriteWatch(Mutex<Option<(Instant, bool)>>);

impl Control {
    /// Looks at everything that the deployment's work depends on.
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
            tracing::error!(error = error as &dyn std::error::Error, "the database takes no writes");
        }
        let outcome = matches!(written, Ok(Ok(())));
        *last = Some((Instant::now(), outcome));
        outcome
    }
}
