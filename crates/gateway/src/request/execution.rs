//! Executes a request, and reports to the bucket's circuit breaker and the observer how it ended.

use std::sync::Arc;

use http::HeaderMap;
use tokio::time::Instant;

use crate::failure::Fault;
use crate::front::{Answer, Front, FrontCall as _, RequestFailure};
use crate::object::context::RequestContext;
use crate::payload::PayloadBody;
use crate::request::meter::HeldSlots;
use crate::request::observer::Observer;
use crate::routing::registry::ServedBucket;
use crate::routing::resolved_bucket::ResolvedBucket;

/// Executes the request and records the outcome for the bucket.
pub(crate) async fn execute<F: Front>(
    observer: &dyn Observer,
    context: &RequestContext,
    bucket: &ResolvedBucket,
    headers: &HeaderMap,
    call: &mut F::Call,
    payload: &mut PayloadBody,
) -> Answer<F::Error> {
    let asks_provider = call.asks_provider();
    let receipt = payload.receipt();
    let answer = F::execute(context, bucket, headers, call, payload).await;
    if asks_provider {
        learn(observer, &bucket.served, answer.as_ref().err());
    }
    match answer {
        Ok(mut response) => {
            F::confirm(&receipt, response.headers_mut());
            Ok(response)
        }
        // To the driver, a refused payload is just a body that failed. The receipt has the reason.
        Err(failure) => Err(match receipt.refusal() {
            Some(refusal) => RequestFailure { error: refusal.into(), ..failure },
            None => failure,
        }),
    }
}

/// What executing a write needs when its client may disconnect.
pub(crate) struct OwnedRequest<F: Front> {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) context: RequestContext,
    pub(crate) bucket: ResolvedBucket,
    pub(crate) headers: HeaderMap,
    pub(crate) call: F::Call,
    pub(crate) payload: PayloadBody,
    /// The request's concurrency slots, which it holds until it has ended.
    pub(crate) slots: HeldSlots,
}

impl<F: Front> OwnedRequest<F> {
    /// Like [`execute`].
    pub(crate) async fn execute(mut self) -> Answer<F::Error> {
        let Self { observer, context, bucket, headers, call, payload, slots } = &mut self;
        let answer = execute::<F>(&**observer, context, bucket, headers, call, payload).await;
        *slots = HeldSlots::default();
        answer
    }
}

/// Records the outcome of a request for the bucket's circuit breaker and health.
fn learn<E>(observer: &dyn Observer, bucket: &ServedBucket, failure: Option<&RequestFailure<E>>) {
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
