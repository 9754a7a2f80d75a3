//! Executes a request with owned handles, so that it can outlive the client's connection, and reports to the
//! bucket's circuit breaker and the observer how it ended.

use std::sync::Arc;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::SharedDriver;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::dispatch::handle;
use crate::error::S3Failure;
use crate::execute::{Answer, OpenBuckets, RequestContext, Settings, WriteState};
use crate::failure::Fault;
use crate::observer::Observer;
use crate::operation::{Request, Target};
use crate::payload::PayloadBody;
use crate::protection::Slot;
use crate::registry::{Registry, ServedBucket, ServedKey};

/// Everything that executing a request needs.
pub(crate) struct Execution {
    /// The caller's key, with its repository.
    pub(crate) key: Arc<ServedKey>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    /// The bucket whose provider is contacted. `None` for operations that contact none.
    pub(crate) bucket: Option<Arc<ServedBucket>>,
    /// The progress of a write. `None` for other operations.
    pub(crate) write_state: Option<Arc<WriteState>>,
    pub(crate) observer: Arc<dyn Observer>,
}

impl Execution {
    /// Executes the request and records the outcome for the bucket.
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

    /// Like [`Execution::execute`], but owns everything and holds the request's concurrency slots until it has
    /// ended.
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

    /// Records the outcome of a request for the bucket's circuit breaker and health.
    fn learn(&self, bucket: &ServedBucket, failure: Option<&S3Failure>) {
        let fault = failure.and_then(|failure| failure.fault);
        let breaker = &bucket.protection.breaker;
        if fault == Some(Fault::Unreachable) {
            if breaker.failed(Instant::now()) {
                tracing::warn!(bucket = %bucket.id, "the bucket's provider can't be reached; pausing requests to it");
            }
        } else if failure.is_none_or(|failure| failure.answered || fault.is_some()) {
            // A request that was refused before the provider was contacted says nothing about the provider.
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
