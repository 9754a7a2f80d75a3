//! Operations on objects over the [`Driver`](bucketry_provider::driver::Driver) of any provider. Their results are
//! typed: they contain no documents and no headers of a protocol.

pub(crate) mod bucket;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod multipart;
pub(crate) mod put;
pub(crate) mod tags;
pub(crate) mod uploads;
