//! The body of an answer: nothing, a document, or the content of an object on its way from the provider.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bucketry_provider::body::ProviderBody;
use bucketry_provider::error::ProviderError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of an answer. An error in the middle must break the connection: content that ends before its announced
/// length is an error too, so that a part of an object never looks like the whole.
pub struct GatewayBody(Inner);

enum Inner {
    Bytes(Bytes),
    Object { body: ProviderBody, remaining: Option<u64> },
    Ended,
}

impl GatewayBody {
    /// No body.
    pub fn empty() -> Self {
        Self(Inner::Ended)
    }

    /// A document.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self(if content.is_empty() { Inner::Ended } else { Inner::Bytes(content) })
    }

    /// The content of an object, of `length` bytes where that is known.
    pub fn object(body: ProviderBody, length: Option<u64>) -> Self {
        Self(Inner::Object { body, remaining: length })
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
            Inner::Ended => Poll::Ready(None),
            Inner::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = Inner::Ended;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Inner::Object { body, remaining } => {
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
                            *this = Inner::Ended;
                        }
                        Poll::Ready(next)
                    }
                    Err(error) => {
                        *this = Inner::Ended;
                        Poll::Ready(Some(Err(error)))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Ended => true,
            Inner::Bytes(_) => false,
            Inner::Object { body, remaining } => body.is_end_stream() && !matches!(remaining, Some(1..)),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Ended => SizeHint::with_exact(0),
            Inner::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Object { remaining: Some(remaining), .. } => SizeHint::with_exact(*remaining),
            Inner::Object { body, remaining: None } => body.size_hint(),
        }
    }
}

impl fmt::Debug for GatewayBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayBody")
    }
}
