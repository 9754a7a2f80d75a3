//! A request body that a reader borrows and returns, so that it can still be drained if the request is refused.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

/// The body of a request that may still be refused. See [`SharedBody::lend`].
pub enum SharedBody<B> {
    /// Not borrowed yet.
    Here(B),
    /// Borrowed. The [`LentBody`] puts it back into this slot when it is dropped.
    Lent(Arc<Mutex<Option<B>>>),
    /// Taken back. It can't be lent again.
    Gone,
}

impl<B> SharedBody<B> {
    /// Hands the body to a reader. `None` unless it is [`SharedBody::Here`].
    pub fn lend(&mut self) -> Option<LentBody<B>> {
        let home = Arc::default();
        match std::mem::replace(self, Self::Lent(Arc::clone(&home))) {
            Self::Here(body) => Some(LentBody { body: Some(body), home }),
            other => {
                *self = other;
                None
            }
        }
    }

    /// The body, to read its start before the rest is lent. `None` unless it is [`SharedBody::Here`].
    pub fn get_mut(&mut self) -> Option<&mut B> {
        match self {
            Self::Here(body) => Some(body),
            Self::Lent(_) | Self::Gone => None,
        }
    }

    /// Takes what is left of the body. `None` while a reader has it.
    pub fn take_back(&mut self) -> Option<B> {
        match std::mem::replace(self, Self::Gone) {
            Self::Here(body) => Some(body),
            Self::Lent(home) => home.lock().take(),
            Self::Gone => None,
        }
    }
}

/// A borrowed body, which returns to its [`SharedBody`] when it is dropped.
pub struct LentBody<B> {
    /// `Some` until this is dropped.
    body: Option<B>,
    home: Arc<Mutex<Option<B>>>,
}

impl<B> Drop for LentBody<B> {
    fn drop(&mut self) {
        *self.home.lock() = self.body.take();
    }
}

impl<B: Body + Unpin> Body for LentBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
