//! Responses whose head is sent before the outcome of the request is known.
//!
//! Some providers move whole objects for copies and completions, and clients give up on a server that sends nothing
//! for a minute. As in S3, the response starts with the head of a success, continues with white space, and ends
//! with a document that contains the result or the error (Amazon S3 API reference, `CompleteMultipartUpload` and
//! `CopyObject`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::front::{Answer, Front};
use crate::object::body::{GatewayBody, KeepAliveEnd, PendingDocument};

/// A response whose document isn't ready yet.
pub(crate) struct KeepAliveResponse<F: Front> {
    answer: Pin<Box<dyn Future<Output = Answer<F::Error>> + Send>>,
    /// When to send white space.
    ticks: Interval,
    begun: bool,
    request_id: String,
}

impl<F: Front> KeepAliveResponse<F> {
    /// Sends white space after every `pause`.
    pub(crate) fn new(
        answer: Pin<Box<dyn Future<Output = Answer<F::Error>> + Send>>,
        pause: Duration,
        request_id: &str,
    ) -> Self {
        let mut ticks = interval_at(Instant::now() + pause, pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { answer, ticks, begun: false, request_id: request_id.to_owned() }
    }

    /// The response with its head, which can be sent at once.
    pub(crate) fn response(self) -> Response<GatewayBody> {
        let mut response = Response::new(GatewayBody::pending(self));
        let content_type = HeaderValue::from_static(F::KEEP_ALIVE.content_type);
        response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
        response
    }

    fn end(&self, answer: Answer<F::Error>) -> (Bytes, KeepAliveEnd) {
        match answer {
            Ok(response) => {
                let (head, body) = response.into_parts();
                (
                    without_opening::<F>(body.into_document()),
                    KeepAliveEnd { status: head.status, fault: None },
                )
            }
            Err(failure) => {
                let document = F::late_error(&failure.error, &self.request_id);
                let end = KeepAliveEnd { status: F::status(&failure.error), fault: failure.fault };
                (without_opening::<F>(document), end)
            }
        }
    }
}

impl<F: Front> PendingDocument for KeepAliveResponse<F> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<(Bytes, Option<KeepAliveEnd>)> {
        if !self.begun {
            self.begun = true;
            return Poll::Ready((Bytes::from_static(F::KEEP_ALIVE.opening.as_bytes()), None));
        }
        if let Poll::Ready(answer) = self.answer.as_mut().poll(cx) {
            let (document, end) = self.end(answer);
            return Poll::Ready((document, Some(end)));
        }
        ready!(self.ticks.poll_tick(cx));
        Poll::Ready((Bytes::from_static(F::KEEP_ALIVE.filler.as_bytes()), None))
    }
}

/// Removes the opening, which was already sent.
fn without_opening<F: Front>(document: Bytes) -> Bytes {
    match document.strip_prefix(F::KEEP_ALIVE.opening.as_bytes()) {
        Some(rest) => document.slice_ref(rest),
        None => document,
    }
}
