//! What executing any operation needs, whether `forward` passes it through or `object` executes it: the context of
//! the request, the resolved bucket, conditions, ranges, the sequence around a write, and response bodies.

pub(crate) mod answer;
mod body;
pub(crate) mod conditions;
mod context;
pub(crate) mod range;
mod resolved_bucket;
pub(crate) mod size;
mod support;
pub(crate) mod write;
mod write_state;

use http::Response;

use crate::error::S3Failure;
pub use crate::execute::body::GatewayBody;
pub(crate) use crate::execute::body::{KeepAliveEnd, PendingDocument};
pub use crate::execute::context::RequestContext;
pub use crate::execute::resolved_bucket::ResolvedBucket;
pub use crate::execute::support::{Support, support};
pub use crate::execute::write_state::{DetachedWrites, WriteState};

/// Settings for executing operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether to measure the change of the stored size, which costs a HEAD before each write, and another one
    /// after completing an upload. Without it, every change counts as zero. Two concurrent writes to one key may
    /// both see the same previous size, so the sum is exact only for writes to a key that don't overlap.
    pub measure_size_change: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { measure_size_change: true }
    }
}

/// What the client gets.
pub(crate) type Answer = Result<Response<GatewayBody>, S3Failure>;
