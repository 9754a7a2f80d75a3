//! The data plane: applications speak S3 to it with a repository's key, and it carries their requests to the
//! buckets, wherever they lie.

pub mod error;
pub mod list_token;
pub mod operation;
pub mod route;
pub mod translate;
