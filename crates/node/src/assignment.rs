//! Which of its buckets the node probes: those in its share, and for a limited time some others.

use std::collections::HashMap;
use std::time::Duration;

use bucketry_model::id::BucketId;
use bucketry_model::probe_share::ProbeShare;
use tokio::time::Instant;

/// How many validated buckets that the node may never receive are remembered.
const MOST_UNKNOWN: usize = 1_024;

/// Decides which buckets the node probes.
pub(crate) struct Assignment {
    /// `None` until the control plane has assigned one: the node then probes all buckets.
    share: Option<ProbeShare>,
    /// Buckets outside the share that are probed until then: those that were in it before, so that other nodes have
    /// probed them by the time this node's report is withdrawn, and those on which something else made this node report.
    until: HashMap<BucketId, Instant>,
    extra_time: Duration,
}

impl Assignment {
    pub(crate) fn new(extra_time: Duration) -> Self {
        Self { share: None, until: HashMap::new(), extra_time }
    }

    /// Replaces the share.
    pub(crate) fn assign(&mut self, share: ProbeShare) {
        self.share = Some(share);
        let Self { share: Some(share), until, .. } = self else { return };
        until.retain(|id, _| !share.contains(*id));
    }

    /// Whether the bucket is in the share.
    pub(crate) fn is_own(&self, id: BucketId) -> bool {
        self.share.as_ref().is_none_or(|share| share.contains(id))
    }

    /// Whether the bucket is to be probed now.
    pub(crate) fn includes(&self, id: BucketId, now: Instant) -> bool {
        self.is_own(id) || self.until.get(&id).is_some_and(|until| now < *until)
    }

    /// Extends the time in which a bucket outside the share is probed.
    pub(crate) fn extend(&mut self, id: BucketId, now: Instant) {
        if self.is_own(id) {
            return;
        }
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
