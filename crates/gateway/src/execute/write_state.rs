//! How far a write has come: what becomes of it when its client leaves depends on that.
//!
//! Before the provider was asked, it is given up. A write that nobody waits for must not be sent long after its client
//! has tried again, over what was stored meanwhile. From then on it may be carried out whatever we do, so it goes on and
//! what it changed is counted; and a later write to the same object waits a while for it before it looks at the size.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bucketry_model::id::BucketId;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a write waits for one to the same object whose client has left.
const WAIT: Duration = Duration::from_secs(5);

type Object = (BucketId, String);

/// The writes whose clients have left, by the objects that they change. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct DetachedWrites(Arc<DetachedTable>);

#[derive(Debug, Default)]
struct DetachedTable {
    /// How many objects there are, so that nobody has to look where there are none.
    objects: AtomicUsize,
    by_object: Mutex<HashMap<Object, CancellationToken>>,
}

impl DetachedTable {
    fn lock(&self) -> MutexGuard<'_, HashMap<Object, CancellationToken>> {
        // Nothing panics while it is held.
        self.by_object.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far a write has come.
#[derive(Debug, Default)]
pub struct WriteState {
    begun: AtomicBool,
    changes: Mutex<Vec<Object>>,
    detached: DetachedWrites,
}

impl WriteState {
    /// Of a write that begins now, beside those that were abandoned.
    pub fn new(detached: &DetachedWrites) -> Self {
        Self { detached: detached.clone(), ..Self::default() }
    }

    /// The write will change this object. Waits for one that was abandoned, but not for long.
    pub(crate) async fn changes(&self, bucket: BucketId, key: &str) {
        let object = (bucket, key.to_owned());
        if self.detached.0.objects.load(Ordering::Acquire) > 0 {
            let other = self.detached.0.lock().get(&object).cloned();
            if let Some(other) = other {
                _ = timeout(WAIT, other.cancelled()).await;
            }
        }
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(object);
    }

    /// The provider is asked now for what can't be taken back.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Whether it was.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// The client has left, and the write goes on until what is answered is dropped.
    pub(crate) fn detach(&self) -> DetachedGuard {
        let ended = CancellationToken::new();
        let objects = std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner));
        let mut table = self.detached.0.lock();
        for object in &objects {
            table.insert(object.clone(), ended.clone());
        }
        self.detached.0.objects.store(table.len(), Ordering::Release);
        drop(table);
        DetachedGuard { objects, ended, detached: self.detached.clone() }
    }
}

/// An abandoned write that goes on.
pub(crate) struct DetachedGuard {
    objects: Vec<Object>,
    ended: CancellationToken,
    detached: DetachedWrites,
}

impl Drop for DetachedGuard {
    fn drop(&mut self) {
        self.ended.cancel();
        let mut table = self.detached.0.lock();
        for object in &self.objects {
            // It may have been abandoned once more meanwhile.
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
        assert_eq!(began.elapsed(), Duration::from_secs(1), "it has ended");
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
