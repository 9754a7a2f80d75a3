//! Which nodes are there right now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::{Node, serves};
use bucketry_model::node_protocol::StatusCounts;
use bucketry_model::status::is_connected;
use jiff::{SignedDuration, Timestamp};

use crate::{Control, Result};

/// How old the remembered list of nodes may be. Another control plane's news of a node is seen after this at the
/// latest; this one's own at once.
const REMEMBER: SignedDuration = SignedDuration::from_secs(1);

/// What is remembered of nodes.
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

/// What a node's last heartbeat told of the node itself.
#[derive(Clone)]
pub(crate) struct Heard {
    /// Its own count of its buckets by status.
    pub(crate) census: StatusCounts,
    /// Where applications reach its gateway.
    pub(crate) gateway_url: Option<Endpoint>,
}

impl Presence {
    fn state(&self) -> MutexGuard<'_, PresenceState> {
        // Nothing panics while it is held; even then the maps stay usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list of nodes changed.
    pub(crate) fn forget_nodes(&self) {
        self.state().nodes = None;
    }

    /// A node was heard of.
    pub(crate) fn heard(&self, id: NodeId, response: Option<Heard>, now: Timestamp) {
        let mut state = self.state();
        if let Some(response) = response {
            state.response.insert(id, response);
            state.heartbeats += 1;
        }
        if let Some((_, nodes)) = &mut state.nodes
            && let Some(node) = Arc::make_mut(nodes).iter_mut().find(|node| node.id == id)
        {
            // Not the later of both: that may be of a clock that was ahead.
            node.last_seen = now;
        }
    }
}

/// A node with what is known of it now.
#[derive(Debug, Clone)]
pub struct NodeView {
    /// The node.
    pub node: Node,
    /// Whether it was heard of lately.
    pub connected: bool,
    /// Its own count of its buckets by status, if it told one to this process.
    pub census: Option<StatusCounts>,
    /// Where applications reach its gateway, if it told so to this process.
    pub gateway_url: Option<Endpoint>,
}

impl Control {
    /// All live nodes, as of a second ago at most.
    pub(crate) async fn known_nodes(&self) -> Result<Arc<Vec<Node>>> {
        let now = self.inner.environment.now();
        if let Some((since, nodes)) = &self.inner.presence.state().nodes
            && now.duration_since(*since).abs() < REMEMBER
        {
            return Ok(Arc::clone(nodes));
        }
        let nodes = Arc::new(self.inner.store.nodes().await?);
        self.inner.presence.state().nodes = Some((now, Arc::clone(&nodes)));
        Ok(nodes)
    }

    /// The connected nodes that serve an organization, the one heard of last first.
    pub(crate) async fn connected_nodes(&self, org_id: OrgId) -> Result<Vec<Node>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let mut connected: Vec<Node> = nodes
            .iter()
            .filter(|node| serves(node, org_id) && is_connected(node.last_seen, now))
            .cloned()
            .collect();
        connected.sort_by_key(|node| std::cmp::Reverse(node.last_seen));
        Ok(connected)
    }

    /// Every live node with what is known of it, for metrics and `doctor`.
    pub async fn node_views(&self) -> Result<Vec<NodeView>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let state = self.inner.presence.state();
        let view = |node: &Node| NodeView {
            node: node.clone(),
            connected: is_connected(node.last_seen, now),
            census: state.response.get(&node.id).map(|response| response.census),
            gateway_url: state.response.get(&node.id).and_then(|response| response.gateway_url.clone()),
        };
        Ok(nodes.iter().map(view).collect())
    }

    /// How many heartbeats this process has taken.
    pub fn heartbeats(&self) -> u64 {
        self.inner.presence.state().heartbeats
    }
}
