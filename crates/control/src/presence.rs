//! Which nodes are connected.

use std::sync::Arc;

use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::node::{LastHeartbeat, Node, is_meant_for, serves};
use bucketry_model::node_protocol::StatusCounts;
use bucketry_model::pinning::BucketPins;
use bucketry_model::status::is_connected;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::secret_access::SecretAccess;
use crate::shared_read::SharedRead;
use crate::{Control, Error, Result};

/// How long the list of nodes is cached. A change by another control plane is seen after this time at the latest; a
/// change by this one, immediately.
const REMEMBER: SignedDuration = SignedDuration::from_secs(1);

/// Cached nodes, and how many heartbeats were received.
#[derive(Default)]
pub(crate) struct Presence {
    reads: SharedRead,
    state: Mutex<PresenceState>,
}

#[derive(Default)]
struct PresenceState {
    last: Option<ReadNodes>,
    /// How many reads have begun.
    reads: u64,
    /// How often nodes have changed.
    changes: u64,
    heartbeats: u64,
}

/// The list of nodes that was read last.
struct ReadNodes {
    nodes: Arc<Vec<Node>>,
    began: ReadStart,
}

/// When a read began.
#[derive(Clone, Copy)]
struct ReadStart {
    at: Timestamp,
    /// Reads are numbered in the order in which they begin.
    number: u64,
    /// How often nodes had changed.
    changes: u64,
}

impl Presence {
    /// Drops the cached list after nodes have changed.
    pub(crate) fn forget_nodes(&self) {
        self.state.lock().changes += 1;
    }

    /// The cached list, unless it is too old. `reads` is how many reads had begun when the caller needed the list: what was
    /// read later suits the caller however long that took. Otherwise, callers that wait for a slow read would find its result
    /// too old, and each would read in its turn.
    fn cached(&self, now: Timestamp, reads: u64) -> Option<Arc<Vec<Node>>> {
        let state = self.state.lock();
        let ReadNodes { nodes, began } = state.last.as_ref()?;
        let is_fresh = now.duration_since(began.at).abs() < REMEMBER && began.changes == state.changes;
        (is_fresh || began.number > reads).then(|| Arc::clone(nodes))
    }

    fn begin_read(&self, at: Timestamp) -> ReadStart {
        let mut state = self.state.lock();
        state.reads += 1;
        ReadStart { at, number: state.reads, changes: state.changes }
    }

    /// Caches a list, unless a later read was faster.
    fn remember(&self, began: ReadStart, nodes: &Arc<Vec<Node>>) {
        let mut state = self.state.lock();
        if state.last.as_ref().is_none_or(|last| last.began.number < began.number) {
            state.last = Some(ReadNodes { nodes: Arc::clone(nodes), began });
        }
    }

    /// Records a node's heartbeat.
    pub(crate) fn heard(&self, id: NodeId, heartbeat: LastHeartbeat, now: Timestamp) {
        let mut state = self.state.lock();
        state.heartbeats += 1;
        if let Some(last) = &mut state.last
            && let Some(node) = Arc::make_mut(&mut last.nodes).iter_mut().find(|node| node.id == id)
        {
            // Not the later of the two times, because the stored one may come from a clock that was ahead.
            node.last_seen = now;
            node.last_heartbeat = Some(heartbeat);
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
    /// The node's count of its buckets by status, if it has reported one.
    pub census: Option<StatusCounts>,
    /// URL of the node's gateway for applications, if it has one.
    pub gateway_url: Option<Endpoint>,
    /// How far the node can open the stored secrets. Only `nodes` and `private_nodes` know about those that are being sealed
    /// again.
    pub secrets: SecretAccess,
}

impl NodeView {
    /// Whether applications can use the node's gateway. A node without a public key opens neither the secrets of buckets nor
    /// those of the keys that applications sign with.
    pub fn serves_applications(&self) -> bool {
        self.connected && self.node.sealing_recipient().is_some()
    }
}

impl Control {
    /// All registered nodes, from a cache that is at most one second old.
    pub(crate) async fn known_nodes(&self) -> Result<Arc<Vec<Node>>> {
        let presence = &self.inner.presence;
        let reads = presence.state.lock().reads;
        let cached = || presence.cached(self.inner.environment.now(), reads);
        // All nodes that wait for changes need the list again at the same time.
        match presence.reads.get(cached, self.read_nodes()).await {
            Some(nodes) => Ok(nodes),
            None => self.read_nodes().await,
        }
    }

    async fn read_nodes(&self) -> Result<Arc<Vec<Node>>> {
        let presence = &self.inner.presence;
        let began = presence.begin_read(self.inner.environment.now());
        let nodes = Arc::new(self.inner.store.nodes().await?);
        presence.remember(began, &nodes);
        Ok(nodes)
    }

    /// The connected nodes that serve a bucket with these pins and can open secrets, the most recently seen first. A node
    /// without a public key to seal to can't do anything with a bucket, and one that has stopped does nothing any more.
    pub(crate) async fn connected_nodes(&self, org_id: OrgId, pins: &BucketPins) -> Result<Vec<Node>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let mut connected: Vec<Node> = nodes
            .iter()
            .filter(|node| serves(node, org_id) && is_connected(node.last_seen, now) && !node.is_leaving())
            .filter(|node| node.sealing_recipient().is_some() && pins.admit(node.id, &node.region))
            .cloned()
            .collect();
        connected.sort_by_key(|node| std::cmp::Reverse(node.last_seen));
        Ok(connected)
    }

    /// `error`, or the one that says that all nodes which could open secrets wait for approval.
    pub(crate) async fn why_no_node(&self, org_id: OrgId, error: Error) -> Result<Error> {
        let nodes = self.known_nodes().await?;
        let meant = || nodes.iter().filter(|node| is_meant_for(node, org_id));
        if meant().any(|node| node.sealing_recipient().is_some()) {
            return Ok(error);
        }
        let pending = meant().find(|node| node.is_pending());
        Ok(pending.map_or(error, |node| Error::NodesPending(node.name.clone())))
    }

    /// All registered nodes with their current state, for metrics and `doctor`.
    pub async fn node_views(&self) -> Result<Vec<NodeView>> {
        let now = self.inner.environment.now();
        let nodes = self.known_nodes().await?;
        let view = |node: &Node| NodeView {
            connected: is_connected(node.last_seen, now),
            census: node.last_heartbeat.as_ref().map(|heartbeat| heartbeat.census),
            gateway_url: node.last_heartbeat.as_ref().and_then(|heartbeat| heartbeat.gateway_url.clone()),
            secrets: SecretAccess::of(node, None),
            node: node.clone(),
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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_list_suits_who_needed_it_before_its_read_began_however_long_that_took() {
        let presence = Presence::default();
        let waiting_since = presence.state.lock().reads;
        let began = presence.begin_read(at(0));
        let later_than_that = presence.state.lock().reads;
        presence.remember(began, &Arc::default());
        assert!(presence.cached(at(3), waiting_since).is_some());
        assert!(presence.cached(at(3), later_than_that).is_none(), "it is too old");
        assert!(presence.cached(at(0), later_than_that).is_some());
    }

    #[test]
    fn a_list_that_was_read_while_nodes_changed_suits_only_who_needed_it_before() {
        let presence = Presence::default();
        let waiting_since = presence.state.lock().reads;
        let began = presence.begin_read(at(0));
        presence.forget_nodes();
        presence.remember(began, &Arc::default());
        assert!(presence.cached(at(0), began.number).is_none());
        assert!(presence.cached(at(0), waiting_since).is_some());
    }

    #[test]
    fn a_slow_read_doesnt_replace_a_later_one() {
        let presence = Presence::default();
        let (slow, fast) = (presence.begin_read(at(0)), presence.begin_read(at(1)));
        presence.remember(fast, &Arc::default());
        presence.remember(slow, &Arc::default());
        assert!(presence.cached(at(1), fast.number).is_some());
    }
}
