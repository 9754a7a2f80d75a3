//! What the API and the gateway have in common on their listeners: bounds on what clients occupy who have not proven
//! who they are, or who are too slow.

pub mod accept;
pub mod drain;
pub mod min_rate_body;
pub mod min_rate_stream;
pub mod origins;
pub mod shared_body;

use std::time::Duration;

/// How slow a client may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinRate {
    /// The time in which it must send, or take, some bytes. Only the time counts in which it was waited for.
    pub window: Duration,
    /// How many.
    pub bytes: u64,
}
