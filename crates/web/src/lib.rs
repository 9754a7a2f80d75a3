//! What every HTTP server here needs, whatever it serves: the listener and its limits, and the observation of requests.
//!
//! - [`listener`] accepts connections and stops gracefully ([`graceful`]); [`serve`](mod@serve) runs a router on it,
//!   and [`in_process`] connects to a router without a network.
//! - [`accept`], [`stall`], [`head_timer`], [`min_rate_body`] and [`min_rate_stream`] limit how long a client can keep
//!   the server waiting; [`request_body`] and [`body_budget`] limit the memory that bodies take; [`rate`] and
//!   [`login_guard`] limit how often a client may try something, and [`rate_exchange`] makes several processes count
//!   together.
//! - [`tls`] encrypts connections, with certificates that can be replaced.
//! - [`exposition`] writes metrics in the format that a client prefers.
//! - [`access_log`] gives every request an id and a line in the log; [`panics`] turns a panic into a response.
//!
//! **Invariant:** this crate doesn't know what an error response looks like. Its errors are typed, and the caller
//! renders them.

pub mod accept;
pub mod access_log;
pub mod body_budget;
pub mod client_address;
pub mod drain;
pub mod exposition;
pub mod graceful;
pub mod head_timer;
pub mod in_process;
pub mod listener;
pub mod login_guard;
pub mod min_rate_body;
pub mod min_rate_stream;
pub mod origins;
pub mod panics;
pub mod rate;
pub mod rate_exchange;
pub mod request_body;
pub mod request_id;
pub mod response_headers;
pub mod serve;
pub mod shared_body;
pub mod stall;
pub mod tls;
mod token_bucket;
pub mod unread_body;

use std::time::Duration;

/// The minimum rate of a client: `bytes` per `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinRate {
    /// Only time spent waiting for the client counts.
    pub window: Duration,
    /// How many bytes the client must send or read per window.
    pub bytes: u64,
}
