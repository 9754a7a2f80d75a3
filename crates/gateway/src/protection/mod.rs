//! Prevents one key from using all capacity, and protects providers that fail from more requests.

mod breaker;
mod concurrency_limit;

pub use breaker::BreakerSettings;
pub(crate) use breaker::{Admission, Breaker};
pub(crate) use concurrency_limit::{ConcurrencyLimit, Slot};

use std::time::Duration;

/// Concurrency limits and circuit breaker settings.
#[derive(Debug, Clone)]
pub struct ProtectionSettings {
    /// How many requests of one key may be in flight. Well below the limit of a bucket, so that one key can't block
    /// the other repositories that use the bucket.
    pub requests_per_key: u32,
    /// How many requests to one bucket may be in flight.
    pub requests_per_bucket: u32,
    /// When requests to an unreachable bucket are paused.
    pub breaker: BreakerSettings,
}

impl Default for ProtectionSettings {
    fn default() -> Self {
        Self {
            requests_per_key: 256,
            requests_per_bucket: 1_024,
            breaker: BreakerSettings { failures: 5, open_for: Duration::from_secs(5) },
        }
    }
}

impl ProtectionSettings {
    pub(crate) fn slots_of_key(&self) -> ConcurrencyLimit {
        ConcurrencyLimit::new(self.requests_per_key as usize)
    }
}

/// The protection of one bucket.
#[derive(Debug)]
pub struct Protection {
    /// Limits the bucket's requests in flight.
    pub slots: ConcurrencyLimit,
    /// Pauses requests to a provider that can't be reached.
    pub breaker: Breaker,
}

impl Protection {
    /// Creates the protection from settings, with no requests in flight.
    pub fn new(settings: &ProtectionSettings) -> Self {
        Self {
            slots: ConcurrencyLimit::new(settings.requests_per_bucket as usize),
            breaker: Breaker::new(settings.breaker.clone()),
        }
    }
}
