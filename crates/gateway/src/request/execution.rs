//! Executes a request, and reports to the bucket's circuit breaker and the observer how it ended.

use tokio::time::Instant;

use crate::failure::Fault;
use crate::front::s3::dispatch::handle;
use crate::front::s3::error::S3Failure;
use crate::front::s3::operation::Request;
use crate::front::s3::response::Answer;
use crate::object::context::RequestContext;
use crate::payload::PayloadBody;
use crate::protection::Slot;
use crate::request::observer::Observer;
use crate::routing::registry::ServedBucket;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Executes the request and records the outcome for the bucket.
pub(crate) async fn execute(
    context: &RequestContext,
    bucket: &ResolvedBucket,
    request: &mut Request<'_>,
    payload: &mut PayloadBody,
) -> Answer {
    let asks_provider = request.operation.asks_provider();
    let answer = handle(context, bucket, request, payload).await;
    if asks_provider {
        learn(&*context.observer, &bucket.served, answer.as_ref().err());
    }
    answer
}

/// Like [`execute`], but owns everything and holds the request's concurrency slots until it has ended.
pub(crate) async fn execute_owned(
    context: RequestContext,
    bucket: ResolvedBucket,
    mut request: Request<'static>,
    mut payload: PayloadBody,
    held: Vec<Slot>,
) -> Answer {
    let answer = execute(&context, &bucket, &mut request, &mut payload).await;
    drop(held);
    answer
}

/// Records the outcome of a request for the bucket's circuit breaker and health.
fn learn(observer: &dyn Observer, bucket: &ServedBucket, failure: Option<&S3Failure>) {
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
        observer.bucket_failed(bucket.id);
    } else if failure.is_none() {
        observer.bucket_served(bucket.id);
    }
}
