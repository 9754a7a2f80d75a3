//! Response bodies: empty, a document, a document that isn't ready yet, or the content of an object that is
//! streamed from the provider.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bucketry_provider::body::ProviderBody;
use bucketry_provider::error::ProviderError;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};

use crate::failure::Fault;

/// A response body. An error in the middle breaks the connection, and content that ends before its announced length
/// counts as an error. So a client never mistakes a part of an object for the whole.
pub struct GatewayBody(BodyInner);

/// A document that isn't ready yet.
pub(crate) trait PendingDocument: Send {
    /// The next piece of the body. The last piece comes with the outcome.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<(Bytes, Option<KeepAliveEnd>)>;
}

/// The outcome of a request whose response head was already sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeepAliveEnd {
    /// The status that the response would have had.
    pub(crate) status: StatusCode,
    /// How the provider caused a failure. `None` for success and for the client's own mistakes.
    pub(crate) fault: Option<Fault>,
}

enum BodyInner {
    Bytes(Bytes),
    Object {
        body: ProviderBody,
        remaining: Option<u64>,
    },
    Pending(Box<dyn PendingDocument>),
    /// The whole document was sent, after its head. Its end is still to be collected with
    /// [`GatewayBody::take_late_end`].
    LateEnded(KeepAliveEnd),
    Ended,
}

impl GatewayBody {
    /// An empty body.
    pub fn empty() -> Self {
        Self(BodyInner::Ended)
    }

    /// A document.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self(if content.is_empty() { BodyInner::Ended } else { BodyInner::Bytes(content) })
    }

    /// The content of an object. `length` is `None` if the provider didn't announce it.
    pub fn object(body: ProviderBody, length: Option<u64>) -> Self {
        Self(BodyInner::Object { body, remaining: length })
    }

    /// A document that isn't ready yet.
    pub(crate) fn pending(document: impl PendingDocument + 'static) -> Self {
        Self(BodyInner::Pending(Box::new(document)))
    }

    /// How a pending document ended. Returned once, after its last piece was sent.
    pub(crate) fn take_late_end(&mut self) -> Option<KeepAliveEnd> {
        let BodyInner::LateEnded(end) = self.0 else { return None };
        self.0 = BodyInner::Ended;
        Some(end)
    }

    /// The content of a document. Empty for other bodies.
    pub(crate) fn into_document(self) -> Bytes {
        if let BodyInner::Bytes(document) = self.0 { document } else { Bytes::new() }
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = ProviderError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProviderError>>> {
        let this = &mut self.0;
        match this {
            BodyInner::Ended | BodyInner::LateEnded(_) => Poll::Ready(None),
            BodyInner::Pending(document) => {
                let (piece, end) = std::task::ready!(document.poll_piece(cx));
                if let Some(end) = end {
                    *this = BodyInner::LateEnded(end);
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            BodyInner::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = BodyInner::Ended;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            BodyInner::Object { body, remaining } => {
                let next = std::task::ready!(Pin::new(body).poll_frame(cx));
                let outcome = match (&next, remaining.as_mut()) {
                    (Some(Ok(frame)), Some(remaining)) => {
                        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                        match remaining.checked_sub(length) {
                            Some(left) => {
                                *remaining = left;
                                Ok(())
                            }
                            None => Err(ProviderError::NotAnObjectStore { status: None }),
                        }
                    }
                    (None, Some(1..)) => Err(ProviderError::BrokenOff),
                    _ => Ok(()),
                };
                match outcome {
                    Ok(()) => {
                        if next.is_none() {
                            *this = BodyInner::Ended;
                        }
                        Poll::Ready(next)
                    }
                    Err(error) => {
                        *this = BodyInner::Ended;
                        Poll::Ready(Some(Err(error)))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            BodyInner::Ended | BodyInner::LateEnded(_) => true,
            BodyInner::Bytes(_) | BodyInner::Pending(_) => false,
            BodyInner::Object { body, remaining } => body.is_end_stream() && !matches!(remaining, Some(1..)),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            BodyInner::Ended | BodyInner::LateEnded(_) => SizeHint::with_exact(0),
            BodyInner::Pending(_) => SizeHint::default(),
            BodyInner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodyInner::Object { remaining: Some(remaining), .. } => SizeHint::with_exact(*remaining),
            BodyInner::Object { body, remaining: None } => body.size_hint(),
        }
    }
}

impl fmt::Debug for GatewayBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayBody")
    }
}
