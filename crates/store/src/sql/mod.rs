//! The statements, written once for every engine.
//!
//! This folder is compiled once as a part of each engine's module (`sqlite::sql`, `postgres::sql`), against that
//! engine's `dialect` and for its store. What differs between engines stands in their `dialect` and nowhere here, so a
//! trait that is implemented here is implemented for all of them. A new table needs a migration for each engine.

use super::dialect;

mod attachment;
mod bucket;
mod bucket_list;
mod columns;
mod generation;
mod idempotency;
mod member;
mod node;
mod organization;
mod page;
mod probe;
mod repository;
mod repository_key;
mod repository_list;
mod rows;
mod series;
mod statement;
mod status;
mod sync;
mod token;
mod transfer;
mod usage;
mod usage_series;
mod user;
mod vault;
mod workspace;
mod write_check;

/// The store of the engine that this is compiled for.
type SqlStore = super::EngineStore;

pub(super) use generation::Generations;
