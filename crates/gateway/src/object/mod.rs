//! Operations on objects over the [`Driver`](bucketry_provider::driver::Driver) of any provider, and what they need:
//! the context of the request, conditions, ranges, the sequence around a write, and response bodies. The results are
//! typed: they contain no documents and no headers of a protocol.

pub(crate) mod attributes;
pub(crate) mod body;
pub(crate) mod bucket;
pub(crate) mod conditions;
pub(crate) mod context;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod measured_write;
pub(crate) mod multipart;
pub(crate) mod part;
pub(crate) mod put;
pub(crate) mod range;
pub(crate) mod size;
pub(crate) mod stored_checksum;
pub(crate) mod tags;
pub(crate) mod two_parts;
pub(crate) mod uploads;
pub(crate) mod write_state;
