//! Carries a request out with handles of its own, so that it can go on when nobody waits for it any more, and draws
//! conclusions for the bucket from how it ended.

use std::sync::Arc;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::SharedDriver;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::execute::{Answer, Failure, Fault, OpenBuckets, RequestContext, Settings, WriteState, handle};
use crate::observer::Observer;
use crate::operation::{Request, Target};
use crate::payload::PayloadBody;
use crate::protection::Slot;
use crate::registry::{Registry, ServedBucket, ServedKey};

/// What a request is carried out with, whoever waits for it.
pub(crate) struct Execution {
    /// Who asks, and for which repository.
    pub(crate) key: Arc<ServedKey>,
    /// Finds buckets.
    pub(crate) registry: Arc<Registry>,
    /// How.
    pub(crate) settings: Settings,
    /// The time of the request.
    pub(crate) now: Timestamp,
    /// The bucket whose provider is asked; `None` where none is.
    pub(crate) bucket: Option<Arc<ServedBucket>>,
    /// How far a write has come; `None` of what isn't one.
    pub(crate) write_state: Option<Arc<WriteState>>,
    /// Whom to tell.
    pub(crate) observer: Arc<dyn Observer>,
}

impl Execution {
    /// Carries it out, and draws conclusions for the bucket.
    pub(crate) async fn execute(
        &self,
        target: &Target,
        request: Request<'_>,
        payload: PayloadBody,
    ) -> Answer {
        let context = RequestContext {
            routes: &self.key.routes,
            buckets: &*self.registry,
            settings: self.settings,
            page_tokens: &self.key.key.page_tokens,
            upload_ids: self.key.upload_ids.as_deref(),
            now: self.now,
            write_state: self.write_state.as_ref(),
        };
        let answer = handle(context, target, request, payload).await;
        if let Some(bucket) = &self.bucket {
            self.learn(bucket, answer.as_ref().err());
        }
        answer
    }

    /// As [`Execution::execute`], with all that it needs, and keeping the request's places taken until it has ended.
    pub(crate) async fn execute_owned(
        self,
        target: Target,
        request: Request<'static>,
        payload: PayloadBody,
        held: Vec<Slot>,
    ) -> Answer {
        let answer = self.execute(&target, request, payload).await;
        drop(held);
        answer
    }

    /// Draws conclusions for the bucket from how a request ended.
    fn learn(&self, bucket: &ServedBucket, failure: Option<&Failure>) {
        let fault = failure.and_then(|failure| failure.fault);
        let breaker = &bucket.protection.breaker;
        if fault == Some(Fault::Unreachable) {
            if breaker.failed(Instant::now()) {
                tracing::warn!(bucket = %bucket.id, "the bucket's provider can't be reached; left alone for a while");
            }
        } else if failure.is_none_or(|failure| failure.answered || fault.is_some()) {
            // Of a request that was refused before the provider was asked, nothing is learnt.
            breaker.succeeded();
        }
        if matches!(fault, Some(Fault::Unreachable | Fault::Failed | Fault::Misconfigured)) {
            self.observer.bucket_failed(bucket.id);
        } else if failure.is_none() {
            self.observer.bucket_served(bucket.id);
        }
    }
}

impl OpenBuckets for Registry {
    fn driver(&self, bucket: BucketId) -> Option<SharedDriver> {
        self.bucket(bucket).map(|bucket| Arc::clone(&bucket.driver))
    }
}
