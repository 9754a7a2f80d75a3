//! Which nodes probe which buckets. The rule is `model::probe_share`; here is which nodes take part: those that are
//! connected and can open secrets. The deployment's nodes share all buckets, and the nodes of an organization share the
//! organization's, so that what only they can reach is probed too. What is pinned to a region is shared by the nodes there.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use bucketry_model::id::{BucketId, NodeId, OrgId};
use bucketry_model::node::Node;
use bucketry_model::pinning::BucketPins;
use bucketry_model::probe_share::{ProbeAssignment, assignments};
use bucketry_model::status::{SILENCE, is_connected};
use bucketry_model::time::is_ahead;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::{Control, Result};

/// For how long nodes that may only have waited for this process retain their shares after its start.
const AFTER_START: SignedDuration = SILENCE;
/// How long such nodes may have been silent.
const LONGEST_OUTAGE: SignedDuration = SignedDuration::from_mins(15);
/// For how long shares are used without comparing the connected nodes again, if the list of nodes is the same. All waiting
/// requests need them at the same time.
const COMPARED_FOR: SignedDuration = SignedDuration::from_secs(1);
/// Reports that are looked at in one step.
const AT_ONCE: u32 = 1_000;

/// The latest shares.
pub(crate) struct ProbeShares {
    started_at: Timestamp,
    state: Mutex<HashMap<Option<OrgId>, SharedBuckets>>,
}

/// The shares of the deployment's nodes, or of those of one organization.
struct SharedBuckets {
    /// The nodes with their regions.
    nodes: Vec<(NodeId, String)>,
    shares: Arc<BTreeMap<NodeId, ProbeAssignment>>,
    /// The list from which these nodes were selected last.
    list: Weak<Vec<Node>>,
    selected_at: Timestamp,
}

impl SharedBuckets {
    /// Whether these nodes were selected from this list a moment ago. A heartbeat replaces the list.
    fn are_of(&self, list: &Arc<Vec<Node>>, now: Timestamp) -> bool {
        let is_same = self.list.strong_count() > 0 && std::ptr::eq(self.list.as_ptr(), Arc::as_ptr(list));
        is_same && now.duration_since(self.selected_at).abs() < COMPARED_FOR
    }
}

impl ProbeShares {
    pub(crate) fn new(started_at: Timestamp) -> Self {
        Self { started_at, state: Mutex::default() }
    }

    /// Whether the node takes part.
    fn counts(&self, node: &Node, now: Timestamp) -> bool {
        if node.sealing_recipient().is_none() {
            return false;
        }
        // While no control plane was running, no node could be heard from.
        let may_have_waited = now.duration_since(self.started_at) < AFTER_START
            && now.duration_since(node.last_seen) < LONGEST_OUTAGE
            && !is_ahead(node.last_seen, now);
        may_have_waited || is_connected(node.last_seen, now)
    }

    /// The shares of the nodes that serve the same as this one.
    fn of_group(
        &self,
        org_id: Option<OrgId>,
        all: &Arc<Vec<Node>>,
        probing: usize,
        now: Timestamp,
    ) -> Arc<BTreeMap<NodeId, ProbeAssignment>> {
        let group = || all.iter().filter(|node| node.org_id == org_id && self.counts(node, now));
        let nodes = || group().map(|node| (node.id, node.region.as_str()));
        let mut state = self.state.lock();
        if let Some(known) = state.get_mut(&org_id) {
            if known.are_of(all, now) {
                return Arc::clone(&known.shares);
            }
            if known.nodes.iter().map(|(id, region)| (*id, region.as_str())).eq(nodes()) {
                (known.list, known.selected_at) = (Arc::downgrade(all), now);
                return Arc::clone(&known.shares);
            }
        }
        let nodes: Vec<(NodeId, &str)> = nodes().collect();
        let shares = Arc::new(assignments(&nodes, probing));
        if nodes.is_empty() {
            state.remove(&org_id);
        } else {
            let nodes = nodes.into_iter().map(|(id, region)| (id, region.to_owned())).collect();
            let (shares, list) = (Arc::clone(&shares), Arc::downgrade(all));
            state.insert(org_id, SharedBuckets { nodes, shares, list, selected_at: now });
        }
        shares
    }
}

impl Control {
    /// The node's share of the probes. `None` for a node that takes no part; it probes what it likes.
    pub(super) async fn probe_share(&self, node: &Node) -> Result<Option<ProbeAssignment>> {
        let nodes = self.known_nodes().await?;
        let probing = usize::from(self.inner.settings.probing_nodes);
        let now = self.inner.environment.now();
        let shares = self.inner.probe_shares.of_group(node.org_id, &nodes, probing, now);
        Ok(shares.get(&node.id).cloned())
    }

    /// Withdraws reports of a node that starts, as far as they are on buckets that it doesn't probe any more, and within
    /// a range of ids. A node that was stopped can't withdraw them.
    pub(super) async fn withdraw_earlier_reports(
        &self,
        node: &Node,
        after: Option<BucketId>,
        until: Option<BucketId>,
    ) -> Result<()> {
        let Some(share) = self.probe_share(node).await? else { return Ok(()) };
        let store = &self.inner.store;
        let none = BucketPins::default();
        let mut after = after;
        loop {
            let reported = store.reported_buckets(node.id, after, until, AT_ONCE).await?;
            let is_last = reported.len() < AT_ONCE as usize;
            after = reported.last().copied();
            let pins = store.pins_of(&reported).await?;
            let is_probed = |id: &BucketId| {
                let pins = pins.get(id).unwrap_or(&none);
                pins.admit(node.id, &node.region) && share.contains(*id, pins.probe_group(&node.region))
            };
            let outdated: Vec<BucketId> = reported.into_iter().filter(|id| !is_probed(id)).collect();
            store.withdraw_reports(node.id, &outdated, self.inner.environment.now()).await?;
            if is_last {
                return Ok(());
            }
        }
    }
}
