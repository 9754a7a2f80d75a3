//! The data plane: applications speak S3 to it with a repository's key, and it carries their requests to the
//! buckets, wherever they lie.

pub mod error;
pub mod error_document;
pub mod payload;
pub mod protection;
pub mod registry;
pub mod signature;
pub mod observer;
mod server;
pub mod settings;
mod figures;
mod gateway;
mod meter;
mod request_id;
mod service;
pub use figures::{CLASSES, Figures, STATUSES};
pub use gateway::Gateway;
