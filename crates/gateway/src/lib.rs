//! The data plane: applications speak S3 to it with a repository's key, and it carries their requests to the
//! buckets, wherever they lie.
//!
//! A request's walk (`service`): the listener (`server`) takes it, [`signature`] finds out who asks, [`operation`]
//! what for, the key's access decides, [`route`] says which bucket and which part of it, [`payload`] verifies what is
//! sent, [`execute`] carries it out at the bucket's provider (`forward` as it came, where S3 is spoken there, `translate`
//! elsewhere), and `meter` counts it, however it ends.
//!
//! **Invariants:**
//! - Nothing is asked of a provider before signature and access were checked.
//! - What isn't understood is refused; no request for a sub-resource reaches the bucket or the object itself.
//! - An object that ends before its length breaks the connection; a payload that isn't verified is never stored.

mod amazon_headers;
pub mod checksum;
mod cors;
mod detached_write;
pub mod error;
pub mod error_document;
pub mod execute;
mod execution;
mod forward;
mod gateway;
mod hex;
mod meter;
pub mod observer;
pub mod operation;
pub mod page_token;
pub mod payload;
pub mod protection;
pub mod registry;
mod request_id;
pub mod route;
mod sealer;
mod server;
mod service;
pub mod settings;
pub mod signature;
mod stats;
mod translate;
pub mod upload_id;
pub mod xml;

pub use gateway::Gateway;
pub use stats::{CLASSES, STATUSES, Stats};
