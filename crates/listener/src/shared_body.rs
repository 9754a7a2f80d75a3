//! A body that is lent to whoever reads it, and is there again when they are done.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

/// The body of a request that may still be refused.
pub enum SharedBody<B> {
    /// Nobody has asked for it.
    Here(B),
    /// Its borrower puts it back.
    Lent(Arc<Mutex<Option<B>>>),
    /// Nobody needs it.
    Gone,
}

impl<B> SharedBody<B> {
    /// Hands it to a reader; none where it is not here.
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

    /// What is left of it; none while somebody reads it.
    pub fn take_back(&mut self) -> Option<B> {
        match std::mem::replace(self, Self::Gone) {
            Self::Here(body) => Some(body),
            // Nothing panics while it is held.
            Self::Lent(home) => home.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Self::Gone => None,
        }
    }
}

/// A body that returns when it is dropped.
pub struct LentBody<B> {
    /// There until it is dropped.
    body: Option<B>,
    home: Arc<Mutex<Option<B>>>,
}

impl<B> Drop for LentBody<B> {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
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
