//! The data plane. Applications send S3 requests signed with a repository's key, and the gateway forwards them to
//! the repository's buckets at any provider.
//!
//! The stages of a request (`service`):
//! - The listener (`server`) accepts it.
//! - [`signature`] authenticates the caller.
//! - [`operation`] parses what is requested, and the key's access level decides whether it is allowed.
//! - `route` resolves the name to a bucket and a folder in it.
//! - [`payload`] verifies the body.
//! - [`dispatch`] runs the operation at the bucket's provider: `forward` passes requests through to providers that
//!   speak S3, `translate` runs all others through `object`, over the provider's driver, and renders the responses.
//! - `meter` counts the request, however it ends.
//!
//! **Invariants:**
//! - No provider is contacted before signature and access are checked.
//! - What the gateway doesn't understand is refused. A request for a sub-resource never reaches the bucket or the
//!   object itself.
//! - An object that ends before its length breaks the connection. A payload that can't be verified is never stored.

mod amazon_headers;
mod checksum;
mod cors;
mod detached_write;
pub mod dispatch;
pub mod error;
mod error_document;
pub mod execute;
mod execution;
pub mod failure;
mod forward;
mod gateway;
mod keep_alive;
mod meter;
mod object;
mod object_key;
pub mod observer;
pub mod operation;
pub mod page_token;
pub mod payload;
pub mod protection;
pub mod registry;
mod request_id;
mod route;
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
