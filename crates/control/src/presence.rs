//! Which nodes are connected.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::{Node, serves};
use bucketry_model::node_protocol::StatusCounts;
use bucketry_model::status::is_connected;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::{Control, Result};

/// How long the list of nodes is cached. A change by another control plane is seen after this time at the latest; a
/// change by this one, immediately.
const REMEMBER: SignedDuration = SignedDuration::from_secs(1);

/// Cached nodes, and the contents of their heartbeats.
#[derive(Default)]
pub(crate) struct Presence {
    state: Mutex<PresenceState>,
}

#[derive(Default)]
struct PresenceState {
    nodes: Option<(Timestamp, Arc<Vec<Node>>)>,
    response: HashMap<NodeId, Heard>,
    heartbeats: u64,
}

/// What a node's last heartbeat reported about the node itself.
#[derive(Clone)]
pub(crate) struct Heard {
    /// The node's count of its buckets by status.
    pub(crate) census: StatusCounts,
    /// URL of the node's gateway for applications.
    pub(crate) gateway_url: Option<Endpoint>,
    /// What waits at the node. `None` for older nodes.
    pub(crate) waiting: Option<WaitingBatches>,
}

/// Batches of traffic that wait at a node to be reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitingBatches {
    /// How many there were at the last heartbeat.
    pub(crate) number: u64,
    /// Since when several have waited at each heartbeat. `None` if none or one did, which is usual.
    pub(crate) since: Option<Timestamp>,
}

impl WaitingBatches {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, since: None }
    }

    /// Continues what the previous heartbeat reported.
    fn after(self, previous: Option<Self>, now: Timestamp) -> Self {
        let since = previous.and_then(|one| one.since).unwrap_or(now);
        Self { since: (self.number > 1).then_some(since), ..self }
    }
}

impl Presence {
    /// Drops the cached list after nodes have changed.
    pub(crate) fn forget_nodes(&self) {
        self.state.lock().nodes = None;
    }

    /// The batches that wait at a node. `None` if it hasn't reported to this process.
    pub(crate) fn waiting(&self, id: NodeId) -> Option<WaitingBatches> {
        self.state.lock().response.get(&id).and_then(|response| response.waiting)
    }

    /// Records contact with a node, and its heartbeat if there was one.
    pub(crate) fn heard(&self, id: NodeId, response: Option<Heard>, now: Timestamp) {
        let mut state = self.state.lock();
        if let Some(mut response) = response {
            let previous = state.response.get(&id).and_then(|heard| heard.waiting);
            response.waiting = response.waiting.map(|waiting| waiting.after(previous, now));
            state.response.insert(id, response);
            state.heartbeats += 1;
        }
        if let Some((_, nodes)) = &mut state.nodes
            && let Some(node) = Arc::make_mut(nodes).iter_mut().find(|node| node.id == id)
        {
            // Not the later of the two times, because the stored one may come from a clock that was ahead.
            node.last_seen = now;
        }
    }
}

/// A node with its current state.
#[derive(Debug, Clone)]
pub struct NodeView {
    /// The node as stored.
    pub node: Node,
    /// Whether the node was in contact recently.
    pub connected: bool,
    /// The node's count of its buckets by status, if it has reported one to this process.
    pub census: Option<StatusCounts>,
    /// URL of the node's gateway for applications, if it has reported one to this process.
    pub gateway_url: Option<Endpoint>,
}

impl Control {
    /// All registered nodes, from a cache that is at most one second old.
    pub(crate) async fn known_nodes(&self) -> Result<Arc<Vec<Node>>> {
        let now = self.inner.environment.now();
        if let Some((since, nodes)) = &self.inner.presence.state.lock().nodes
            && now.duration_since(*since).abs() < REMEMBER
        {
            return Ok(Arc::clone(nodes));
        }
        let nodes = Arc::new(self.inner.store.nodes().await?);
        self.inner.presence.state.lock().nodes = Some((now, Arc::clone(&nodes)));
        Ok(nodes)
    }

    /// The connected nodes that can open an organization's secrets, the most recently seen first. A node without a
    /// public key to seal to can't do anything with a bucket.
    pub(crate) async fn connected_nodes(&self, org_id: OrgId) -> Result<Vec<Node>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let mut connected: Vec<Node> = nodes
            .iter()
            .filter(|node| serves(node, org_id) && is_connected(node.last_seen, now))
            .filter(|node| !node.recipients.is_empty())
            .cloned()
            .collect();
        connected.sort_by_key(|node| std::cmp::Reverse(node.last_seen));
        Ok(connected)
    }

    /// All registered nodes with their current state, for metrics and `doctor`.
    pub async fn node_views(&self) -> Result<Vec<NodeView>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let state = self.inner.presence.state.lock();
        let view = |node: &Node| NodeView {
            node: node.clone(),
            connected: is_connected(node.last_seen, now),
            census: state.response.get(&node.id).map(|response| response.census),
            gateway_url: state.response.get(&node.id).and_then(|response| response.gateway_url.clone()),
        };
        Ok(nodes.iter().map(view).collect())
    }

    /// The number of heartbeats that this process has received.
    pub fn heartbeats(&self) -> u64 {
        self.inner.presence.state.lock().heartbeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_wait_from_the_first_heartbeat_with_several_of_them() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut last = None;
        let mut next = |number, second| {
            last = Some(WaitingBatches::new(number).after(last, at(second)));
            last.unwrap().since
        };
        assert_eq!(next(1, 10), None);
        assert_eq!(next(2, 20), Some(at(20)));
        assert_eq!(next(70, 40), Some(at(20)));
        assert_eq!(next(0, 60), None);
        assert_eq!(next(5, 80), Some(at(80)));
    }
}
