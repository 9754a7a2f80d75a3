//! Servers that misbehave on purpose, for faults that a real object store can't be made to produce.
//!
//! - [`FaultProxy`] passes everything to a real server until a test sets a [`Fault`]. It also works without a
//!   server; then its healthy response is an empty 200.
//! - [`AzureStub`] does what Azure documents where its emulator doesn't.
//! - [`GoogleStub`] does what Google documents where its emulator doesn't.
//! - [`GcsUploadsStub`] has the multipart uploads that Google's emulator lacks.
//! - [`ListingStub`] has a bucket with any number of keys, which exist only in its list.
//! - [`LongLine`] delays bytes and loses some, as a line to the other side of the world does.
//! - [`OriginStub`] is a healthy origin that responds at once, for measurements.
//!
//! For tests and benchmarks only. Each server binds `127.0.0.1` at a free port and stops when it is dropped.

mod answer;
mod azure;
mod gcs_uploads;
mod google;
mod http_stub;
mod listing;
mod long_line;
mod origin;
mod proxy;

pub use crate::answer::Answer;
pub use crate::azure::{AzureStub, BlockLists};
pub use crate::gcs_uploads::GcsUploadsStub;
pub use crate::google::GoogleStub;
pub use crate::listing::{ListingFault, ListingStub};
pub use crate::long_line::{LineQuality, LongLine};
pub use crate::origin::OriginStub;
pub use crate::proxy::{Fault, FaultProxy};
