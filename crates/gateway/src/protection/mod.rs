//! What keeps one key from taking everything, and a provider that fails from being asked over and over.

mod breaker;
mod concurrency_limit;

pub use breaker::{Admission, Breaker, BreakerSettings};
pub use concurrency_limit::{ConcurrencyLimit, Slot};

use std::time::Duration;

/// The bounds.
#[derive(Debug, Clone)]
pub struct ProtectionSettings {
    /// How many requests of one key may be in flight. Well below the bound of a bucket, so that no key keeps the other
    /// repositories of its bucket out.
    pub requests_per_key: usize,
    /// How many requests to one bucket may be in flight.
    pub requests_per_bucket: usize,
    /// When a bucket that can't be reached is left alone.
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
        ConcurrencyLimit::new(self.requests_per_key)
    }
}

/// The protection of one bucket.
#[derive(Debug)]
pub struct Protection {
    /// Its requests in flight.
    pub slots: ConcurrencyLimit,
    /// Whether it is worth asking.
    pub breaker: Breaker,
}

impl Protection {
    /// As the settings say, with nothing in flight.
    pub fn new(settings: &ProtectionSettings) -> Self {
        Self {
            slots: ConcurrencyLimit::new(settings.requests_per_bucket),
            breaker: Breaker::new(settings.breaker.clone()),
        }
    }
}
