//! Requests as clients send them, through the doors that the server uses: who signed, and what the payload holds.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod chunked;
mod client;
mod fuzz;
mod malformed;
mod payload;
mod published;
mod recorded;
mod refusals;
