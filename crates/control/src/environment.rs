//! Time and randomness, as parameters of the use cases.

use std::sync::Arc;

use bucketry_model::time::{Clock, SystemClock};
use jiff::Timestamp;

use crate::error::{Error, Result};

/// A source of random bytes.
pub trait Randomness: Send + Sync + 'static {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// The random number generator of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        getrandom::fill(buffer).map_err(|error| Error::internal(error.to_string()))
    }
}

/// The sources of time and randomness.
#[derive(Clone)]
pub struct Environment {
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// The source of random bytes.
    pub randomness: Arc<dyn Randomness>,
}

impl Environment {
    /// The clock and the random number generator of the machine.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), randomness: Arc::new(SystemRandomness) }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns random bytes.
    pub fn random<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.randomness.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Creates an id; `make` is the `new` function of its type.
    pub fn id<Id>(&self, make: fn(Timestamp, [u8; 10]) -> Id) -> Result<Id> {
        Ok(make(self.now(), self.random()?))
    }
}
