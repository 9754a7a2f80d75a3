//! Requests from a client through the gateway to a real server, and what happens when one of the three fails.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod context;
mod contract;
mod fairness;
mod faults;
mod lasting;
mod metering;
mod stopping;
