//! Access to cloud object stores: connects, streams objects, lists, probes and diagnoses.
//!
//! **Invariants:**
//! - Only this crate opens connections to addresses that users typed, and only through the endpoint policy
//!   ([`policy`]): a name is resolved once, every address is checked, nothing is resolved again, no redirect is
//!   followed and no proxy is used.
//! - Keys are passed through byte for byte. Bodies are streamed, documents are limited in size, and every wait has
//!   a timeout.
//! - Text that a provider wrote never reaches a message for users.
//!
//! A process creates [`connection::Connections`] once. [`open::open`] creates a lightweight [`driver::Driver`] per
//! bucket. [`probe::probe`] checks whether a bucket is available, and [`diagnose::diagnose`] finds out what is
//! wrong with it.

mod address;
pub mod azure;
pub mod body;
pub mod callout;
mod check_finding;
pub mod conditions;
pub mod connection;
pub mod connection_stats;
mod connector;
#[cfg(feature = "contract")]
pub mod contract;
pub mod diagnose;
mod dial;
pub mod driver;
mod encode;
pub mod error;
pub mod gcs;
pub mod header_text;
mod headers;
pub mod identity;
pub mod key_scope;
pub mod open;
mod payload;
pub mod policy;
mod pool;
pub mod probe;
pub mod resolve;
pub mod s3;
pub mod server_kind;
mod sigv4;
pub mod target_error;
mod temporary_credential;
pub mod tls;
pub mod token;
mod token_service;
mod upstream_span;
pub mod xml;
