//! Which of its buckets the node probes: those in its share, and for a limited time some others.

use std::collections::HashMap;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::probe_share::{ProbeAssignment, ProbeGroup};
use tokio::time::Instant;

/// How many validated buckets that the node may never receive are remembered.
const MOST_UNKNOWN: usize = 1_024;

/// Decides which buckets the node probes.
pub(crate) struct Assignment {
    /// `None` until the control plane has assigned something: the node then probes all buckets.
    assigned: Option<ProbeAssignment>,
    /// Buckets outside the share that are probed until then: those that were in it before, so that other nodes have
    /// probed them by the time this node's report is withdrawn, and those on which something else made this node report.
    until: HashMap<BucketId, Instant>,
    extra_time: Duration,
}

impl Assignment {
    pub(crate) fn new(extra_time: Duration) -> Self {
        Self { assigned: None, until: HashMap::new(), extra_time }
    }

    /// Replaces what is assigned.
    pub(crate) fn assign(&mut self, assigned: ProbeAssignment) {
        self.assigned = Some(assigned);
    }

    /// Whether the bucket is in the share.
    pub(crate) fn is_own(&self, id: BucketId, group: ProbeGroup) -> bool {
        self.assigned.as_ref().is_none_or(|assigned| assigned.contains(id, group))
    }

    /// Whether the bucket is to be probed now.
    pub(crate) fn includes(&self, id: BucketId, group: ProbeGroup, now: Instant) -> bool {
        self.is_own(id, group) || self.until.get(&id).is_some_and(|until| now < *until)
    }

    /// Probes a bucket for a limited time if it isn't in the share. The node may not have received it yet.
    pub(crate) fn extend(&mut self, id: BucketId, now: Instant) {
        if self.until.len() >= MOST_UNKNOWN {
            self.until.retain(|_, until| now < *until);
        }
        self.until.insert(id, now + self.extra_time);
    }

    /// Gives a bucket that has left the share the time in which other nodes take over, unless it has it already.
    pub(crate) fn hand_over(&mut self, id: BucketId, now: Instant) {
        self.until.entry(id).or_insert(now + self.extra_time);
    }

    /// Forgets that a bucket is probed outside the share.
    pub(crate) fn forget(&mut self, id: BucketId) {
        self.until.remove(&id);
    }
}
