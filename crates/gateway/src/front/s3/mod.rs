//! The protocol of Amazon S3.

pub(crate) mod answer;
pub mod auth;
pub(crate) mod cors;
pub mod dispatch;
pub mod error;
pub(crate) mod error_document;
pub(crate) mod headers;
pub mod operation;
pub(crate) mod passthrough;
pub(crate) mod response;
pub mod support;
pub mod xml;
