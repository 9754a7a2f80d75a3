//! The protocols that applications use to access the gateway.

pub(crate) mod s3;
