//! Work that one of several control planes does at a time.
//!
//! What other control planes must not do at the same time runs under a lease of the registry. Everything else that a
//! control plane does without being asked may run in each of them: it claims single rows, such as messages to send and
//! checks that are due, or its results are for its own process only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bucketry_model::hex;
use bucketry_store::lease::{Lease, LeaseName};
use bucketry_store::{Store, StoreError};
use jiff::SignedDuration;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::{Control, Error, Result};

/// How long a lease lasts after it was last renewed. Another control plane takes over after this time if the holder dies,
/// so work that isn't urgent has a long lease that needs few renewals.
const fn lasts(name: LeaseName) -> Duration {
    match name {
        LeaseName::Maintenance => Duration::from_mins(5),
        LeaseName::VaultRotation => Duration::from_secs(30),
        LeaseName::ConditionWatch => Duration::from_secs(15),
    }
}

/// The leases that this process has acquired.
#[derive(Default)]
pub(crate) struct Leases {
    state: Mutex<LeaseState>,
}

#[derive(Default)]
struct LeaseState {
    /// The name under which this process acquires leases.
    holder: Option<String>,
    held: HashMap<LeaseName, HeldLease>,
}

#[derive(Debug, Clone, Copy)]
struct HeldLease {
    lease: Lease,
    /// When it was last renewed.
    since: Instant,
}

impl Control {
    /// Does work under a lease, and renews the lease meanwhile. `None` if another control plane has it, or has taken it
    /// over: the work is then dropped wherever it is.
    ///
    /// The work gets a store whose writes are refused once another control plane has the lease. Afterwards, the lease is
    /// held until it expires, so that the same control plane does the work again.
    pub(crate) async fn under_lease<T, F>(
        &self,
        name: LeaseName,
        work: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Result<Option<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let Some(held) = self.hold_lease(name).await? else { return Ok(None) };
        let work = work(self.inner.store.fenced(&held.lease));
        let outcome = tokio::select! {
            biased;
            outcome = work => outcome,
            lost = self.keep_lease(held) => Err(lost),
        };
        match outcome {
            Err(Error::Unavailable(StoreError::LeaseLost(_))) => {
                self.inner.leases.state.lock().held.remove(&name);
                tracing::warn!(
                    "another control plane has taken over {name}, because this one didn't respond"
                );
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }

    /// Lets another control plane acquire the lease, if this one has it.
    pub(crate) async fn release_lease(&self, name: LeaseName) -> Result<()> {
        let held = self.inner.leases.state.lock().held.remove(&name);
        match held {
            Some(held) => Ok(self.inner.store.release_lease(&held.lease).await?),
            None => Ok(()),
        }
    }

    /// Lets other control planes acquire the leases that this one has. Call it at a graceful stop, when nothing runs under them
    /// any more: otherwise the others would wait until they expire.
    ///
    /// The tokens grow when the leases change hands, so a write that began before is refused afterwards, as after a lease has
    /// expired.
    pub async fn release_leases(&self) -> Result<()> {
        let held = std::mem::take(&mut self.inner.leases.state.lock().held);
        // With the embedded database, nobody waits for them.
        if self.inner.settings.shares_database {
            let mut outcome = Ok(());
            for held in held.into_values() {
                let released = self.inner.store.release_lease(&held.lease).await;
                outcome = outcome.and(released);
            }
            outcome?;
        }
        Ok(())
    }

    /// Acquires a lease. One that was renewed a moment ago isn't renewed again: should it be lost, writes are refused.
    async fn hold_lease(&self, name: LeaseName) -> Result<Option<HeldLease>> {
        let held = self.inner.leases.state.lock().held.get(&name).copied();
        match held.filter(|held| held.since.elapsed() < lasts(name) / 2) {
            Some(held) => Ok(Some(held)),
            None => self.acquire_lease(name).await,
        }
    }

    async fn acquire_lease(&self, name: LeaseName) -> Result<Option<HeldLease>> {
        let holder = self.lease_holder()?;
        // Before the query, so that it expires here no later than there.
        let since = Instant::now();
        let lasts = SignedDuration::try_from(lasts(name)).map_err(Error::internal)?;
        let lease = self.inner.store.acquire_lease(name, &holder, lasts).await?;
        let held = lease.map(|lease| HeldLease { lease, since });
        let mut state = self.inner.leases.state.lock();
        match held {
            Some(held) => state.held.insert(name, held),
            None => state.held.remove(&name),
        };
        Ok(held)
    }

    fn lease_holder(&self) -> Result<String> {
        let random = hex::encode(&self.inner.environment.random::<16>()?);
        Ok(self.inner.leases.state.lock().holder.get_or_insert(random).clone())
    }

    /// Renews a lease until it is lost.
    async fn keep_lease(&self, held: HeldLease) -> Error {
        let name = held.lease.name;
        let mut since = held.since;
        loop {
            sleep_until(since + lasts(name) / 3).await;
            match self.acquire_lease(name).await {
                Ok(Some(renewed)) if renewed.lease == held.lease => since = renewed.since,
                Ok(_) => return StoreError::LeaseLost(name).into(),
                Err(error) => {
                    // Whether another control plane has taken over shows at the next write.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the lease on {name} couldn't be renewed, which will be retried"
                    );
                    since = Instant::now();
                }
            }
        }
    }
}
