//! What executing a request needs besides the request.

use std::sync::Arc;

use jiff::Timestamp;

use crate::failure::Failure;
use crate::object::write_state::WriteState;
use crate::routing::registry::{Registry, ServedKey};
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::route::{Route, not_served};

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

/// Everything that executing a request needs besides the request. Cheap to clone, and owned, so that a write can
/// outlive its client.
#[derive(Clone)]
pub struct RequestContext {
    /// The caller's key, with its repository.
    pub key: Arc<ServedKey>,
    /// The buckets of the node.
    pub registry: Arc<Registry>,
    /// The node's settings.
    pub settings: Settings,
    /// The time of the request.
    pub now: Timestamp,
    /// Records the progress of a write. `None` for other operations.
    pub write_state: Option<Arc<WriteState>>,
}

impl RequestContext {
    /// The bucket that a route leads to, as it is served now.
    pub fn open(&self, route: Arc<Route>) -> Result<ResolvedBucket, Failure> {
        let served = self.registry.bucket(route.bucket).ok_or_else(not_served)?;
        Ok(ResolvedBucket { route, served })
    }

    /// Resolves a bucket name, for example of the source of a copy.
    pub fn resolve(&self, name: &str) -> Result<ResolvedBucket, Failure> {
        self.open(Arc::clone(self.key.routes.find(name)?))
    }

    /// Call this right before sending the provider a request that can't be undone.
    pub(crate) fn begin(&self) {
        if let Some(write_state) = &self.write_state {
            write_state.begin();
        }
    }

    /// The length of the content, for requests whose headers don't declare it exactly.
    pub(crate) fn record_content(&self, bytes: u64) {
        if let Some(write_state) = &self.write_state {
            write_state.record_content(bytes);
        }
    }

    /// Adds a change of the stored size, in bytes.
    pub(crate) fn record_size_change(&self, bytes: i64) {
        if let Some(write_state) = &self.write_state {
            write_state.record_size_change(bytes);
        }
    }
}
