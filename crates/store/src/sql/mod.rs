//! The statements, written once for all engines.
//!
//! This folder is compiled once per engine, as a part of its module (`sqlite::sql`, `postgres::sql`), against the
//! engine's `dialect` and for its store. The crate's documentation says why. Differences between engines belong in
//! their `dialect`s and never here, so a trait that is implemented here is implemented for all of them. A new table
//! needs a migration for each engine.

use super::{dialect, row_values};

mod attachment;
mod audit;
mod audit_list;
mod audit_row;
pub(super) mod backup_record;
mod bucket;
mod bucket_list;
mod columns;
mod credential_end;
mod diagnosis;
mod facet_count;
mod facets;
mod freshness;
mod generation;
mod hours;
mod idempotency;
mod inventory;
mod inventory_trouble;
mod inventory_walk;
mod job;
mod key_check;
mod lease;
mod listing;
mod live_workspace;
mod login_failure;
mod member;
mod monitoring;
mod multi_row;
mod node;
mod node_signature;
mod node_silence;
mod node_status;
mod notification;
mod notification_channel;
mod notification_delivery;
mod notification_silence;
mod organization;
mod overview;
mod page;
mod pin;
mod probe;
mod readable;
mod registration;
mod report_withdrawal;
mod repository;
mod repository_change;
mod repository_key;
mod repository_list;
pub(super) mod schema;
mod search_words;
mod series;
pub(super) mod snapshot;
mod statement;
mod status;
mod status_event;
mod sync;
mod token;
mod transfer;
mod unlisted;
mod usage;
mod usage_failures;
mod usage_hours;
mod usage_series;
mod user;
mod validation;
mod vault;
mod workspace;
mod write_check;

/// The store of the engine that this is compiled for.
type SqlStore = super::EngineStore;

pub(super) use generation::Generations;
