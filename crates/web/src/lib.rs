//! What the HTTP servers of the API and the gateway share: limits for clients that are not authenticated yet or are
//! too slow.

pub mod accept;
pub mod drain;
pub mod listener;
pub mod min_rate_body;
pub mod min_rate_stream;
pub mod origins;
pub mod shared_body;

use std::time::Duration;

/// The minimum rate of a client: `bytes` per `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinRate {
    /// Only time spent waiting for the client counts.
    pub window: Duration,
    /// How many bytes the client must send or read per window.
    pub bytes: u64,
}
