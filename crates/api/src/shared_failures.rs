//! Wrong passwords, counted together with other control planes on the same database.

use std::time::Duration;

use async_trait::async_trait;
use bucketry_control::login_failures::UsedAllowance;
use bucketry_control::{Control, Error};
use bucketry_web::login_guard::{FailedAllowance, SharedFailures};

/// Stores failures in the database. While it can't be reached, nobody can log in either, because accounts are there, too.
pub(crate) struct StoredFailures(pub(crate) Control);

#[async_trait]
impl SharedFailures for StoredFailures {
    async fn recovery(&self, names: &[String]) -> Vec<Duration> {
        self.0.allowance_recovery(names).await.unwrap_or_else(|error| {
            warn(&error, "wrong passwords at other servers can't be read, so they don't count");
            Vec::new()
        })
    }

    async fn record(&self, failed: &[FailedAllowance]) {
        let used = failed.iter().map(|one| UsedAllowance {
            name: &one.name,
            recovers_in: one.recovers_in,
            overdrawn_at_most: one.overdrawn_at_most,
        });
        let used: Vec<UsedAllowance<'_>> = used.collect();
        if let Err(error) = self.0.record_login_failure(&used).await {
            warn(&error, "a wrong password can't be stored, so it counts at this server only");
        }
    }
}

fn warn(error: &Error, what: &'static str) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
