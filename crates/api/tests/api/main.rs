//! Tests of the API through its router, over a real store, with a node that processes jobs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic fails the test and shows the line")]

mod accounts;
mod audit;
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
mod monitoring;
mod node_stats;
mod notifications;
mod openapi;
mod operation;
mod organization_keys;
mod organization_nodes;
mod pins;
mod private_node;
mod rate_limits;
mod refusals;
mod repositories;
mod search;
mod server;
mod sessions;
mod snapshot;
mod traffic;
mod unauthenticated;
mod unknown_parameters;
mod uploads;
mod users;
mod validations;
