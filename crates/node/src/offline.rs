//! Which buckets are OFFLINE by their last probe. A request that such a bucket serves means that its status may
//! have changed, so the gateway asks for a probe.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use bucketry_model::id::BucketId;
use parking_lot::RwLock;

/// The buckets that are OFFLINE. While there are none, a check costs one atomic load.
#[derive(Debug, Default)]
pub(crate) struct OfflineBuckets {
    count: AtomicUsize,
    ids: RwLock<HashSet<BucketId>>,
}

impl OfflineBuckets {
    /// Whether the bucket is OFFLINE.
    pub(crate) fn contains(&self, id: BucketId) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.ids.read().contains(&id)
    }

    /// Records the outcome of the last probe. Call it with `false` for a bucket that is no longer probed.
    pub(crate) fn set(&self, id: BucketId, offline: bool) {
        let mut ids = self.ids.write();
        if offline {
            ids.insert(id);
        } else {
            ids.remove(&id);
        }
        self.count.store(ids.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn only_what_is_offline_now_is_told() {
        let bucket = |n| BucketId::new(Timestamp::UNIX_EPOCH, [n; 10]);
        let offline = OfflineBuckets::default();
        assert!(!offline.contains(bucket(1)));
        offline.set(bucket(1), true);
        offline.set(bucket(2), false);
        assert!(offline.contains(bucket(1)) && !offline.contains(bucket(2)));
        offline.set(bucket(1), false);
        assert!(!offline.contains(bucket(1)));
    }
}
