//! Requests as clients send them, through the same functions that the server uses: signatures and payloads.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod chunked;
mod client;
mod fuzz;
mod malformed;
mod payload;
mod published;
mod recorded;
mod refusals;
