//! Answers whose head is sent before it is known how the request ends.
//!
//! Copies and completions move whole objects at some providers, and clients give up on a server that is silent for a
//! minute. S3 sends the head of a success, then white space, and what became of it in the document, an error too
//! (Amazon S3 API reference, `CompleteMultipartUpload` and `CopyObject`).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::error_document;
use crate::execute::{Answer, Fault, GatewayBody};
use crate::xml::DECLARATION;

/// White space between the declaration and the document; XML allows none before the former.
const WHITE_SPACE: Bytes = Bytes::from_static(b" ");

/// An answer that is still to be made.
pub(crate) struct KeepAliveResponse {
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    /// When to show again that something is being done.
    ticks: Interval,
    begun: bool,
    request_id: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepAliveEnd {
    /// By how many bytes the stored size changed.
    pub(crate) size_change: i64,
    /// The status that the answer would have had.
    pub(crate) status: StatusCode,
    /// What the provider has to do with a failure.
    pub(crate) fault: Option<Fault>,
}

impl KeepAliveResponse {
    /// The client gets a sign of life every `pause`.
    pub(crate) fn new(
        answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
        pause: Duration,
        request_id: &str,
    ) -> Self {
        let mut ticks = interval_at(Instant::now() + pause, pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { answer, ticks, begun: false, request_id: request_id.to_owned() }
    }

    /// The head, and what follows it.
    pub(crate) fn response(self) -> Response<GatewayBody> {
        let mut response = Response::new(GatewayBody::keep_alive(self));
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(http::header::CONTENT_TYPE, xml);
        response
    }

    /// The next piece; with the last one, how it ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Bytes, Option<KeepAliveEnd>)> {
        if !self.begun {
            self.begun = true;
            return Poll::Ready((Bytes::from_static(DECLARATION.as_bytes()), None));
        }
        if let Poll::Ready(answer) = self.answer.as_mut().poll(cx) {
            let (document, end) = self.end(answer);
            return Poll::Ready((document, Some(end)));
        }
        ready!(self.ticks.poll_tick(cx));
        Poll::Ready((WHITE_SPACE, None))
    }

    fn end(&self, answer: Answer) -> (Bytes, KeepAliveEnd) {
        match answer {
            Ok(outcome) => {
                let (head, body) = outcome.response.into_parts();
                let document = without_declaration(body.into_document());
                let end = KeepAliveEnd { size_change: outcome.size_change, status: head.status, fault: None };
                (document, end)
            }
            Err(failure) => {
                // Without the resource: aws-sdk-js looks for an error in the first 3,000 bytes only, and takes a longer
                // document for a success.
                let document = error_document::document(&failure.error, "", &self.request_id);
                let end = KeepAliveEnd {
                    size_change: failure.size_change,
                    status: failure.error.status(),
                    fault: failure.fault,
                };
                (without_declaration(document.into()), end)
            }
        }
    }
}

/// It was sent already.
fn without_declaration(document: Bytes) -> Bytes {
    match document.strip_prefix(DECLARATION.as_bytes()) {
        Some(rest) => document.slice_ref(rest),
        None => document,
    }
}
