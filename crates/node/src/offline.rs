//! Which buckets are OFFLINE by their last probe, for the gateway: a request that one of them answers is news.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use bucketry_model::id::BucketId;

/// The buckets that are OFFLINE. Asking costs one load of a counter while there are none.
#[derive(Debug, Default)]
pub(crate) struct OfflineBuckets {
    count: AtomicUsize,
    ids: RwLock<HashSet<BucketId>>,
}

impl OfflineBuckets {
    /// Whether the bucket is one of them.
    pub(crate) fn contains(&self, id: BucketId) -> bool {
        self.count.load(Ordering::Relaxed) > 0
            && self.ids.read().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Notes what the last probe found; a bucket that isn't probed any more is none of them.
    pub(crate) fn set(&self, id: BucketId, offline: bool) {
        let mut ids = self.ids.write().unwrap_or_else(PoisonError::into_inner);
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
