//! The progress of a write, which determines what happens when its client disconnects.
//!
//! Before the provider has been asked, the write is cancelled. Otherwise it could be sent long after the client has
//! tried again, and overwrite what was stored meanwhile. Once the provider has been asked, it may carry out the
//! write in any case. The write then continues so that its change is counted, and a later write to the same object
//! waits a while for it before asking for the object's size.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bucketry_model::id::BucketId;
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a write waits for a detached write to the same object.
const WAIT: Duration = Duration::from_secs(5);

type Object = (BucketId, String);

/// The detached writes, by the objects that they change. Clones share the same table.
#[derive(Debug, Clone, Default)]
pub struct DetachedWrites(Arc<DetachedTable>);

#[derive(Debug, Default)]
struct DetachedTable {
    /// The number of objects in the table, so that writes don't take the lock while it is empty.
    objects: AtomicUsize,
    by_object: Mutex<HashMap<Object, CancellationToken>>,
}

impl DetachedTable {}

/// The progress of a write.
#[derive(Debug, Default)]
pub struct WriteState {
    begun: AtomicBool,
    /// The change of the stored size that is not counted yet, in bytes.
    size_change: AtomicI64,
    /// The length of the content, if the headers of the request didn't declare it exactly.
    content: OnceLock<u64>,
    changes: Mutex<Vec<Object>>,
    detached: DetachedWrites,
}

impl WriteState {
    /// The state of a write that starts now and waits for these detached writes.
    pub fn new(detached: &DetachedWrites) -> Self {
        Self { detached: detached.clone(), ..Self::default() }
    }

    /// Declares that the write will change this object. Waits up to [`WAIT`] for a detached write to it.
    pub(crate) async fn changes(&self, bucket: BucketId, key: &str) {
        let object = (bucket, key.to_owned());
        if self.detached.0.objects.load(Ordering::Acquire) > 0 {
            let other = self.detached.0.by_object.lock().get(&object).cloned();
            if let Some(other) = other {
                _ = timeout(WAIT, other.cancelled()).await;
            }
        }
        self.changes.lock().push(object);
    }

    /// Call this right before sending the provider a request that can't be undone.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Whether [`WriteState::begin`] was called.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Records the length of the content, in bytes.
    pub(crate) fn record_content(&self, bytes: u64) {
        // Content ends only once.
        _ = self.content.set(bytes);
    }

    /// The length of the content, if it was recorded.
    pub(crate) fn content(&self) -> Option<u64> {
        self.content.get().copied()
    }

    /// Adds a change of the stored size, as far as it is known.
    pub(crate) fn record_size_change(&self, bytes: i64) {
        self.size_change.fetch_add(bytes, Ordering::AcqRel);
    }

    /// The change of the stored size since the last call, in bytes. The caller must count it.
    pub fn take_size_change(&self) -> i64 {
        self.size_change.swap(0, Ordering::AcqRel)
    }

    /// Call this when the client has disconnected. The write counts as detached until the guard is dropped.
    pub(crate) fn detach(&self) -> DetachedGuard {
        let ended = CancellationToken::new();
        let objects = std::mem::take(&mut *self.changes.lock());
        let mut table = self.detached.0.by_object.lock();
        for object in &objects {
            table.insert(object.clone(), ended.clone());
        }
        self.detached.0.objects.store(table.len(), Ordering::Release);
        drop(table);
        DetachedGuard { objects, ended, detached: self.detached.clone() }
    }
}

/// A detached write that is still in progress.
pub(crate) struct DetachedGuard {
    objects: Vec<Object>,
    ended: CancellationToken,
    detached: DetachedWrites,
}

impl Drop for DetachedGuard {
    fn drop(&mut self) {
        self.ended.cancel();
        let mut table = self.detached.0.by_object.lock();
        for object in &self.objects {
            // Meanwhile another write to the object may have been detached.
            if table.get(object).is_some_and(CancellationToken::is_cancelled) {
                table.remove(object);
            }
        }
        self.detached.0.objects.store(table.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn bucket(n: u8) -> BucketId {
        BucketId::new(Timestamp::UNIX_EPOCH, [n; 10])
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_waits_for_an_abandoned_one_to_the_same_object_and_for_no_other() {
        let detached = DetachedWrites::default();
        let first = WriteState::new(&detached);
        first.changes(bucket(1), "k").await;
        let guard = first.detach();

        let began = tokio::time::Instant::now();
        WriteState::new(&detached).changes(bucket(1), "other").await;
        WriteState::new(&detached).changes(bucket(2), "k").await;
        assert_eq!(began.elapsed(), Duration::ZERO);

        let second = WriteState::new(&detached);
        let waiting = second.changes(bucket(1), "k");
        let ending = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(guard);
        };
        tokio::join!(waiting, ending);
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        WriteState::new(&detached).changes(bucket(1), "k").await;
        assert_eq!(began.elapsed(), Duration::from_secs(1), "the detached write has ended");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_does_not_wait_for_long() {
        let detached = DetachedWrites::default();
        let first = WriteState::new(&detached);
        first.changes(bucket(1), "k").await;
        let _goes_on = first.detach();
        let began = tokio::time::Instant::now();
        WriteState::new(&detached).changes(bucket(1), "k").await;
        assert_eq!(began.elapsed(), WAIT);
    }
}
