//! The times in which nodes weren't connected.

use async_trait::async_trait;
use bucketry_model::id::NodeId;
use bucketry_model::node_silence::NodeSilence;
use jiff::Timestamp;

use crate::Result;

/// Reads and prunes the times in which nodes weren't connected. `NodeStore::record_heartbeat` and `register_node` add them
/// when a node comes back.
#[async_trait]
pub trait NodeSilenceStore {
    /// The times in which a node wasn't connected that ended after `since` or continue, the latest first. At most
    /// `limit` past ones.
    async fn node_silences(
        &self,
        id: NodeId,
        since: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NodeSilence>>;

    /// Removes those that ended before the given time, at most `at_most` at a time. Returns how many.
    async fn purge_node_silences(&self, before: Timestamp, at_most: u32) -> Result<u64>;
}
