//! The domain types and their rules: ids, buckets, roles, statuses, diagnoses, and the wire types of the node
//! protocol.
//!
//! **Invariant:** nothing here does I/O, reads the clock or draws random numbers. Time and randomness are
//! parameters, so every rule can be tested with plain values.

pub mod attachment;
pub mod audit;
pub mod bucket;
pub mod canonical_text;
pub mod client_settings;
pub mod credential;
pub mod credential_kind;
pub mod diagnosis;
pub mod endpoint;
pub mod finding;
pub mod freshness;
pub mod hex;
pub mod hours;
pub mod id;
pub mod import;
pub mod inventory;
pub mod json_error;
pub mod latency;
pub mod name;
pub mod node;
pub mod node_clock;
pub mod node_processes;
pub mod node_protocol;
pub mod node_silence;
pub mod notification;
pub mod paste;
pub mod pinning;
pub mod price_sheet;
pub mod probe_share;
pub mod provider;
pub mod repository;
pub mod role;
pub mod same_bucket;
pub mod search;
pub mod secret;
pub mod splitmix;
pub mod status;
pub mod status_event;
pub mod storage_name;
pub mod time;
pub mod uptime;
pub mod usage;
