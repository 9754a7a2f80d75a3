//! Which buckets are OFFLINE by their last probe. A request that such a bucket serves means that its status may
//! have changed, so the gateway asks for a probe.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bucketry_model::id::BucketId;
use parking_lot::{Mutex, RwLock};

/// How long a bucket that serves requests although it is OFFLINE stays silent after a notice. Each notice wakes the
/// prober, and one of them is enough.
const NOTICE_PAUSE: Duration = Duration::from_secs(1);

/// The buckets that are OFFLINE. While there are none, a check costs one atomic load.
#[derive(Debug, Default)]
pub(crate) struct OfflineBuckets {
    count: AtomicUsize,
    /// With the time of the last notice.
    notices: RwLock<HashMap<BucketId, Mutex<Option<Instant>>>>,
}

impl OfflineBuckets {
    /// Whether the prober should be told that the bucket has served a request: the bucket is OFFLINE, and there was
    /// no notice within the last second.
    pub(crate) fn take_notice(&self, id: BucketId, now: impl FnOnce() -> Instant) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let notices = self.notices.read();
        let Some(last) = notices.get(&id) else { return false };
        let (mut last, now) = (last.lock(), now());
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= NOTICE_PAUSE);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// Records the outcome of the last probe. Call it with `false` for a bucket that is no longer probed.
    pub(crate) fn set(&self, id: BucketId, offline: bool) {
        let mut notices = self.notices.write();
        if offline {
            notices.entry(id).or_default();
        } else {
            notices.remove(&id);
        }
        self.count.store(notices.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn bucket(n: u8) -> BucketId {
        BucketId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    #[test]
    fn only_what_is_offline_now_is_told() {
        let (offline, now) = (OfflineBuckets::default(), Instant::now());
        assert!(!offline.take_notice(bucket(1), || now));
        offline.set(bucket(1), true);
        offline.set(bucket(2), false);
        assert!(offline.take_notice(bucket(1), || now) && !offline.take_notice(bucket(2), || now));
        offline.set(bucket(1), false);
        assert!(!offline.take_notice(bucket(1), || now + NOTICE_PAUSE));
    }

    #[test]
    fn a_bucket_that_serves_many_requests_is_told_once_a_second() {
        let (offline, start) = (OfflineBuckets::default(), Instant::now());
        offline.set(bucket(1), true);
        let told = (0..3_000)
            .filter(|millisecond| {
                offline.take_notice(bucket(1), || start + Duration::from_millis(*millisecond))
            })
            .count();
        assert_eq!(told, 3);
        // A further failed probe changes nothing.
        offline.set(bucket(1), true);
        assert!(!offline.take_notice(bucket(1), || start + Duration::from_millis(2_999)));
    }
}
