//! The data plane: applications speak S3 to it with a repository's key, and it carries their requests to the
//! buckets, wherever they lie.

pub mod checksum;
pub mod error;
pub mod error_document;
mod hex;
pub mod list_token;
pub mod operation;
pub mod payload;
pub mod protection;
pub mod registry;
pub mod route;
pub mod signature;
pub mod translate;
pub mod xml;
