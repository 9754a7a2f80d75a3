//! The buckets of the node, for tasks that use them beside the gateway.

use std::collections::HashMap;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::SharedDriver;
use bucketry_provider::open::OpenError;
use parking_lot::RwLock;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// An open bucket.
#[derive(Clone)]
pub(crate) struct OpenDriver {
    /// The version that last set the location and the secret.
    pub(crate) config_version: i64,
    pub(crate) driver: SharedDriver,
}

/// A bucket that the node serves, or tries to serve.
#[derive(Clone)]
pub(crate) enum ReceivedBucket {
    Open(OpenDriver),
    /// What was entered for it is wrong.
    Malformed(OpenError),
    /// The node has no key for its secret.
    Sealed,
}

/// The buckets that the node serves, by id.
#[derive(Default)]
pub(crate) struct OpenBuckets {
    known: RwLock<HashMap<BucketId, ReceivedBucket>>,
    news: Notify,
}

impl OpenBuckets {
    /// Replaces a bucket.
    pub(crate) fn set(&self, id: BucketId, bucket: ReceivedBucket) {
        self.known.write().insert(id, bucket);
        self.news.notify_waiters();
    }

    pub(crate) fn remove(&self, id: BucketId) {
        self.known.write().remove(&id);
    }

    /// A bucket that could be opened.
    pub(crate) fn get(&self, id: BucketId) -> Option<OpenDriver> {
        match self.known.read().get(&id) {
            Some(ReceivedBucket::Open(open)) => Some(open.clone()),
            _ => None,
        }
    }

    /// A bucket, once the node knows it. A job may arrive together with the bucket that it is about.
    pub(crate) async fn wait_for(&self, id: BucketId, until: Instant) -> Option<ReceivedBucket> {
        let waiting = async {
            loop {
                let news = self.news.notified();
                let known = self.known.read().get(&id).cloned();
                if let Some(bucket) = known {
                    return bucket;
                }
                news.await;
            }
        };
        timeout_at(until, waiting).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_job_waits_for_its_bucket_but_not_for_ever() {
        let buckets = Arc::new(OpenBuckets::default());
        let id = |n| BucketId::new(Timestamp::UNIX_EPOCH, [n; 10]);
        let soon = Instant::now() + Duration::from_secs(3);
        let waiting = tokio::spawn({
            let buckets = Arc::clone(&buckets);
            async move { buckets.wait_for(id(1), soon).await }
        });
        tokio::task::yield_now().await;
        buckets.set(id(2), ReceivedBucket::Sealed);
        buckets.set(id(1), ReceivedBucket::Sealed);
        assert!(matches!(waiting.await.unwrap(), Some(ReceivedBucket::Sealed)));
        buckets.remove(id(1));
        assert!(buckets.wait_for(id(1), soon).await.is_none());
    }
}
