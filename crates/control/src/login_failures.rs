//! Wrong passwords, counted by all control planes on one database together. Who checks passwords decides which *allowances* an
//! attempt uses, and refuses it when one is used up.

use std::time::Duration;

use bucketry_store::login_failure::FailedAttempt;
use jiff::SignedDuration;

use crate::{Control, Error, Result};

/// What a failed attempt uses of an allowance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedAllowance<'a> {
    /// What the allowance is for, such as an account and a network. Only a keyed hash of it is stored.
    pub name: &'a str,
    /// How much later the allowance is complete again because of the attempt.
    pub recovers_in: Duration,
    /// After how long it is complete again at the latest.
    pub overdrawn_at_most: Duration,
}

impl Control {
    /// How long it takes until each of these allowances is complete again, in their order: zero for those that are. If no
    /// other control plane can use the database, all are.
    pub async fn allowance_recovery(&self, names: &[String]) -> Result<Vec<Duration>> {
        if !self.inner.settings.shares_database {
            return Ok(vec![Duration::ZERO; names.len()]);
        }
        let now = self.inner.environment.now();
        let hash = |name: &String| self.inner.access_tokens.allowance_hash(name);
        let hashes: Vec<[u8; 32]> = names.iter().map(hash).collect();
        let used = self.inner.store.login_failures(&hashes, now).await?;
        let recovery = |hash: &[u8; 32]| {
            let found = used.iter().find(|(used, _)| used == hash);
            found.map_or(Duration::ZERO, |(_, complete)| complete.duration_since(now).unsigned_abs())
        };
        Ok(hashes.iter().map(recovery).collect())
    }

    /// Stores for all control planes that an attempt failed. Does nothing if there is only one.
    pub async fn record_login_failure(&self, used: &[UsedAllowance<'_>]) -> Result<()> {
        if !self.inner.settings.shares_database {
            return Ok(());
        }
        let signed = |duration: Duration| SignedDuration::try_from(duration).map_err(Error::internal);
        let failed = |one: &UsedAllowance<'_>| {
            Ok(FailedAttempt {
                hash: self.inner.access_tokens.allowance_hash(one.name),
                recovers_in: signed(one.recovers_in)?,
                overdrawn_at_most: signed(one.overdrawn_at_most)?,
            })
        };
        let failed: Vec<FailedAttempt> = used.iter().map(failed).collect::<Result<_>>()?;
        Ok(self.inner.store.record_login_failure(&failed, self.inner.environment.now()).await?)
    }
}
