//! The API through its router, over a real store, with a node that answers jobs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed, and says where")]

mod accounts;
mod authorization;
mod browsers;
mod bucket_changes;
mod buckets;
mod deployment;
mod disclosure;
mod fixtures;
mod idempotency;
mod ids;
mod lists;
mod node_stats;
mod openapi;
mod operation;
mod rate_limits;
mod refusals;
mod repositories;
mod server;
mod sessions;
mod traffic;
mod unauthenticated;
mod users;
