//! Where a payload comes from: the body of a request, without the framing of its protocol.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;

use super::checksum::Checksum;
use super::{BoxError, incomplete};
use crate::failure::Failure;

/// A body without framing. The protocol of the client decides how it was framed.
pub(crate) trait ContentSource: Send {
    /// The next piece of content, or the end. Not called again after the end.
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextContent, Failure>>;
}

/// What a source yields.
pub(crate) enum NextContent {
    /// Bytes of content, at least one.
    Piece(Bytes),
    /// The body is complete.
    End {
        /// The checksum that followed the content.
        trailing: Option<Checksum>,
    },
}

/// A body that is nothing but content.
pub(crate) struct Unframed<B>(pub(crate) B);

impl<B> ContentSource for Unframed<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin,
{
    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextContent, Failure>> {
        loop {
            match ready!(poll_bytes(&mut self.0, cx)?) {
                Some(piece) if piece.is_empty() => {}
                Some(piece) => return Poll::Ready(Ok(NextContent::Piece(piece))),
                None => return Poll::Ready(Ok(NextContent::End { trailing: None })),
            }
        }
    }
}

/// The next bytes of a body as the client sent them. HTTP's own trailers aren't signed, so they are ignored.
pub(crate) fn poll_bytes<B>(body: &mut B, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    Poll::Ready(match ready!(Pin::new(body).poll_frame(cx)) {
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Err(broken_off(error.into())),
        None => Ok(None),
    })
}

fn broken_off(error: BoxError) -> Failure {
    match error.downcast::<Failure>() {
        Ok(error) => *error,
        Err(_) => incomplete("the client disconnected"),
    }
}
