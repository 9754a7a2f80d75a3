//! Leases: which of several control planes does what only one may do at a time.
//!
//! A lease has a token that grows whenever the lease changes hands. A store from [`LeaseStore::fenced`] checks the token
//! in the transaction of each write. A control plane that was stopped while it held a lease, and continues after
//! another one has taken over, can therefore store nothing.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;

use crate::{Result, Store};

/// The work that a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseName {
    /// Pruning the registry and planning inventories.
    Maintenance,
    /// Driving a rotation of the vault's keys.
    VaultRotation,
    /// Looking for conditions that channels are notified of.
    ConditionWatch,
}

impl LeaseName {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "MAINTENANCE",
            Self::VaultRotation => "VAULT_ROTATION",
            Self::ConditionWatch => "CONDITION_WATCH",
        }
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Maintenance => "maintenance",
            Self::VaultRotation => "the rotation of the vault's keys",
            Self::ConditionWatch => "the watch for conditions to notify about",
        })
    }
}

/// A lease that was acquired. It may have expired since, and it counts until somebody else acquires it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// What the lease is for.
    pub name: LeaseName,
    /// Grows whenever the lease changes hands.
    pub token: i64,
}

/// Stores who holds leases.
#[async_trait]
pub trait LeaseStore {
    /// Acquires a lease, or renews it if `holder` has it. `None` if somebody else has it and it hasn't expired.
    ///
    /// The lease expires after `lasts`, by the database's clock, and always after the same duration for one name: one
    /// that would last longer than twice that comes from a time when the clock was wrong, and is granted. The embedded
    /// database has one process, the holder of the data directory's lock, so there it is always granted.
    async fn acquire_lease(
        &self,
        name: LeaseName,
        holder: &str,
        lasts: SignedDuration,
    ) -> Result<Option<Lease>>;

    /// Lets the lease expire now. Does nothing if somebody else has it.
    async fn release_lease(&self, lease: &Lease) -> Result<()>;

    /// The same store, whose writes fail with [`StoreError::LeaseLost`](crate::StoreError::LeaseLost) once somebody else
    /// has acquired the lease. If that happens during a write, the other one waits until the write has ended.
    fn fenced(&self, lease: &Lease) -> Arc<dyn Store>;
}
