//! The store on PostgreSQL: every story of the contract, and what is specific to PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod backup;
#[path = "../shared/backups.rs"]
mod backups;
mod claim;
mod contract;
mod engine;
mod facets;
#[path = "../shared/newer_schema.rs"]
mod newer_schema;
mod newer_schema_in_use;
#[path = "../shared/older_listings.rs"]
mod older_listings;
#[path = "../shared/older_nodes.rs"]
mod older_nodes;
#[path = "../shared/older_traffic.rs"]
mod older_traffic;
mod server;
mod signals;
mod transfer;
