//! Time and randomness, as the use cases get them.

use std::sync::Arc;

use bucketry_model::time::{Clock, SystemClock};
use jiff::Timestamp;

use crate::error::{Error, Result};

/// Where random bytes come from.
pub trait Randomness: Send + Sync + 'static {
    /// Fills the buffer with bytes that nobody can foresee.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        getrandom::fill(buffer).map_err(|error| Error::internal(error.to_string()))
    }
}

/// The world outside of the rules.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub randomness: Arc<dyn Randomness>,
}

impl Environment {
    /// The machine's own.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), randomness: Arc::new(SystemRandomness) }
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.randomness.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A new id; `make` is an id type's `new`.
    pub fn id<Id>(&self, make: fn(Timestamp, [u8; 10]) -> Id) -> Result<Id> {
        Ok(make(self.now(), self.random()?))
    }
}
