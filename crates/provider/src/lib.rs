//! The clouds: how Bucketry connects to object stores, streams to and from them, lists, probes and diagnoses.
//!
//! **Invariants:**
//! - Only this crate opens connections to addresses that users typed, and only through the endpoint policy
//!   ([`policy`]): one resolution, every address judged, no second look-up, no redirects, no proxies.
//! - Keys pass byte for byte. Bodies are streamed; documents are bounded in size; every wait is bounded in time.
//! - What a provider wrote never reaches a message for people.
//!
//! [`connection::Connections`] is made once; [`open::open`] makes a light [`driver::Driver`] for each bucket;
//! [`probe::probe`] asks whether the bucket is there, and [`diagnose::diagnose`] what is wrong with it.

mod address;
pub mod azure;
pub mod body;
pub mod conditions;
pub mod connection;
mod connector;
#[cfg(feature = "contract")]
pub mod contract;
pub mod diagnose;
mod dial;
pub mod driver;
mod encode;
pub mod error;
mod finding;
pub mod gcs;
mod headers;
pub mod identity;
pub mod open;
pub mod policy;
mod pool;
pub mod probe;
pub mod resolve;
pub mod s3;
pub mod tls;
pub mod token;
pub mod xml;
