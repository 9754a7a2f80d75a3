//! The agent between a control plane and clouds that do what a test says. Time is Tokio's: it advances only while
//! the agent has nothing to do, so hours pass in moments.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod assignment;
mod cloud;
mod context;
mod control_plane;
mod jobs;
mod outage;
mod probing;
mod scale;
mod traffic;
mod versions;
