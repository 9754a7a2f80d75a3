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

use crate::front::s3::error_document;
use crate::front::s3::response::Answer;
use crate::front::s3::xml::DECLARATION;
use crate::object::body::GatewayBody;
use crate::object::body::KeepAliveEnd;
use crate::object::body::PendingDocument;

/// White space between the XML declaration and the root element. XML allows none before the declaration.
const WHITE_SPACE: Bytes = Bytes::from_static(b" ");

/// A response whose document isn't ready yet.
pub(crate) struct KeepAliveResponse {
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    /// When to send white space.
    ticks: Interval,
    begun: bool,
    request_id: String,
}

impl KeepAliveResponse {
    /// Sends white space after every `pause`.
    pub(crate) fn new(
        answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
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
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(http::header::CONTENT_TYPE, xml);
        response
    }

    fn end(&self, answer: Answer) -> (Bytes, KeepAliveEnd) {
        match answer {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let document = without_declaration(body.into_document());
                (document, KeepAliveEnd { status: head.status, fault: None })
            }
            Err(failure) => {
                // Without the resource: aws-sdk-js looks for an error only in the first 3,000 bytes, and takes a
                // longer document for a success.
                let document = error_document::document(&failure.error, "", &self.request_id);
                let end = KeepAliveEnd { status: failure.error.status(), fault: failure.fault };
                (without_declaration(document.into()), end)
            }
        }
    }
}

impl PendingDocument for KeepAliveResponse {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<(Bytes, Option<KeepAliveEnd>)> {
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
}

/// Removes the XML declaration, which was already sent.
fn without_declaration(document: Bytes) -> Bytes {
    match document.strip_prefix(DECLARATION.as_bytes()) {
        Some(rest) => document.slice_ref(rest),
        None => document,
    }
}
