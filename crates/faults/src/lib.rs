//! Servers that misbehave on purpose, for faults that a real object store can't be told to produce.
//!
//! - [`FaultProxy`] stands in front of a real server and passes everything through until a [`Fault`] is set, at run
//!   time; or it stands alone, where "healthy" is an empty answer.
//! - [`OriginStub`] is a healthy origin that answers at once, for measurements.
//!
//! For tests and benchmarks only: nothing here belongs into the product. All of it binds `127.0.0.1` at a free port
//! and stops when it is dropped.

mod answer;
mod origin;
mod proxy;

pub use crate::answer::Answer;
pub use crate::origin::OriginStub;
pub use crate::proxy::{Fault, FaultProxy};
