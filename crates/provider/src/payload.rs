//! Request bodies: streamed, never held in memory as a whole, with a timeout for every wait.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use ring::digest;
use tokio::time::{Instant, timeout_at};

use crate::error::{BoxError, ProviderError, SourceFailed};

type Stream = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// The content of a PUT or of an uploaded part. Its length is known.
pub struct Payload {
    content: Content,
    length: u64,
    sha256: Option<[u8; 32]>,
}

enum Content {
    Bytes(Bytes),
    Stream(Stream),
}

impl Payload {
    /// A payload in memory. Its hash is part of the signature, so the provider verifies the content.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let sha256 = sha256(&content);
        Self { length: content.len() as u64, content: Content::Bytes(content), sha256: Some(sha256) }
    }

    /// A payload that is read while it is sent. The next piece is read when the provider has room for it, so a slow
    /// provider slows the source down. Sent with `UNSIGNED-PAYLOAD`. At most `length` bytes are sent. If the
    /// source ends earlier, the request fails and the provider stores nothing.
    pub fn stream<B>(body: B, length: u64) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self { content: Content::Stream(Box::pin(body.map_err(Into::into))), length, sha256: None }
    }

    /// Like [`Payload::stream`], for a source whose SHA-256 is known in advance. The provider verifies it.
    pub fn stream_with_sha256<B>(body: B, length: u64, sha256: [u8; 32]) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self { sha256: Some(sha256), ..Self::stream(body, length) }
    }

    /// Wraps the payload in a text before and one after it, for formats with several parts.
    pub(crate) fn framed(self, before: String, after: String) -> Self {
        let length = before.len() as u64 + self.length + after.len() as u64;
        let frame = FramedBody { before: before.into(), inner: Outgoing::of(self).0, after: after.into() };
        Self { content: Content::Stream(Box::pin(frame.map_err(Into::into))), length, sha256: None }
    }

    /// The length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("length", &self.length).finish_non_exhaustive()
    }
}

pub(crate) fn sha256(content: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, content).as_ref());
    hash
}

/// A request body as the HTTP client needs it.
pub(crate) struct Outgoing {
    content: Option<Content>,
    remaining: u64,
    progress: Option<Arc<Progress>>,
}

impl Outgoing {
    pub(crate) fn empty() -> Self {
        Self { content: None, remaining: 0, progress: None }
    }

    /// Converts a payload into a body. A streamed one comes with its progress, which the sender must watch.
    pub(crate) fn of(payload: Payload) -> (Self, Option<Arc<Progress>>) {
        let progress = matches!(payload.content, Content::Stream(_)).then(|| Arc::new(Progress::new()));
        let content = (payload.length > 0).then_some(payload.content);
        if let (None, Some(progress)) = (&content, &progress) {
            progress.finish();
        }
        (Self { content, remaining: payload.length, progress: progress.clone() }, progress)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = SourceFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFailed>>> {
        let this = &mut *self;
        let stream = match &mut this.content {
            None => return Poll::Ready(None),
            Some(Content::Bytes(bytes)) => {
                let bytes = std::mem::take(bytes);
                this.content = None;
                this.remaining = 0;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Some(Content::Stream(stream)) => stream,
        };
        loop {
            let Poll::Ready(next) = stream.as_mut().poll_frame(cx) else {
                if let Some(progress) = &this.progress {
                    progress.wait_for_source();
                }
                return Poll::Pending;
            };
            if let Some(progress) = &this.progress {
                progress.wait_for_provider();
            }
            let data = match next {
                // The source's trailers don't concern the provider.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => data,
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(SourceFailed::Failed(error)))),
                None => return Poll::Ready(Some(Err(SourceFailed::Short))),
            };
            let Some(remaining) = this.remaining.checked_sub(data.len() as u64) else {
                return Poll::Ready(Some(Err(SourceFailed::Long)));
            };
            this.remaining = remaining;
            if remaining == 0 {
                this.content = None;
                if let Some(progress) = &this.progress {
                    progress.finish();
                }
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// A body with a text before and after it. The text after it is sent only if the body is complete.
struct FramedBody {
    before: Bytes,
    inner: Outgoing,
    after: Bytes,
}

impl Body for FramedBody {
    type Data = Bytes;
    type Error = SourceFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFailed>>> {
        let this = &mut *self;
        if !this.before.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.before)))));
        }
        if let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
            return Poll::Ready(Some(frame));
        }
        let after = std::mem::take(&mut this.after);
        Poll::Ready((!after.is_empty()).then(|| Ok(Frame::data(after))))
    }
}

/// Tracks who is being waited for while a body is sent. A slow source is its caller's concern; a provider that
/// doesn't accept available data is subject to the timeouts.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    /// Milliseconds after `start` at which the wait for the provider began, or [`SOURCE`] during a wait for the
    /// source.
    since: AtomicU64,
    /// Whether the whole body has been handed to the HTTP client.
    finished: AtomicBool,
}

/// How long to wait for the provider: while the body is being sent (`stall`), and for the response after that
/// (`answer`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyTimeouts {
    pub(crate) stall: Duration,
    pub(crate) answer: Duration,
}

const SOURCE: u64 = u64::MAX;

impl Progress {
    fn new() -> Self {
        Self { start: Instant::now(), since: AtomicU64::new(0), finished: AtomicBool::new(false) }
    }

    fn wait_for_source(&self) {
        self.since.store(SOURCE, Ordering::Relaxed);
    }

    fn wait_for_provider(&self) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(SOURCE - 1);
        self.since.store(elapsed, Ordering::Relaxed);
    }

    fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// When the provider will have been silent for too long. During a wait for the source, the earliest time at
    /// which that is possible.
    fn deadline(&self, body_timeouts: BodyTimeouts) -> Instant {
        let limit =
            if self.finished.load(Ordering::Relaxed) { body_timeouts.answer } else { body_timeouts.stall };
        match self.since.load(Ordering::Relaxed) {
            SOURCE => Instant::now() + limit,
            millis => self.start + Duration::from_millis(millis) + limit,
        }
    }

    /// Waits for `answer` as long as the provider keeps accepting the body.
    pub(crate) async fn watch<F: Future>(
        &self,
        answer: F,
        body_timeouts: BodyTimeouts,
    ) -> Result<F::Output, ProviderError> {
        let mut answer = std::pin::pin!(answer);
        loop {
            let deadline = self.deadline(body_timeouts);
            match timeout_at(deadline, &mut answer).await {
                Ok(answer) => return Ok(answer),
                Err(_) if self.deadline(body_timeouts) > Instant::now() => {}
                Err(_) => return Err(ProviderError::TimedOut),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    async fn sent(payload: Payload) -> Result<Bytes, SourceFailed> {
        Outgoing::of(payload).0.collect().await.map(http_body_util::Collected::to_bytes)
    }

    #[tokio::test]
    async fn a_source_must_hold_exactly_what_was_announced() {
        let stream = |length| Payload::stream(Full::new(Bytes::from_static(b"12345")), length);
        assert_eq!(sent(stream(5)).await.unwrap(), "12345");
        assert!(matches!(sent(stream(6)).await, Err(SourceFailed::Short)));
        assert!(matches!(sent(stream(4)).await, Err(SourceFailed::Long)));
    }

    #[tokio::test]
    async fn a_frame_is_closed_only_after_the_whole_content() {
        let framed = |length| {
            let content = Payload::stream(Full::new(Bytes::from_static(b"12345")), length);
            content.framed("<".to_owned(), ">".to_owned())
        };
        assert_eq!(framed(5).length(), 7);
        assert_eq!(sent(framed(5)).await.unwrap(), "<12345>");
        assert!(matches!(sent(framed(6)).await, Err(SourceFailed::Failed(_))));
        assert_eq!(sent(Payload::bytes("").framed("<".to_owned(), ">".to_owned())).await.unwrap(), "<>");
    }

    #[tokio::test]
    async fn bytes_in_memory_are_sent_once_and_hashed() {
        let payload = Payload::bytes(&b"abc"[..]);
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(bucketry_model::hex::encode(payload.sha256().unwrap()), expected);
        assert_eq!(sent(payload).await.unwrap(), "abc");
        assert_eq!(sent(Payload::bytes(Bytes::new())).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_silent_provider_ends_the_wait_and_a_silent_source_does_not() {
        let limit = Duration::from_millis(20);
        let body_timeouts = BodyTimeouts { stall: limit, answer: limit };
        let silent_provider = Progress::new();
        let outcome = silent_provider.watch(std::future::pending::<()>(), body_timeouts).await;
        assert!(matches!(outcome, Err(ProviderError::TimedOut)));

        let slow_source = Progress::new();
        slow_source.wait_for_source();
        let answer = tokio::time::sleep(limit * 4);
        assert!(slow_source.watch(answer, body_timeouts).await.is_ok(), "a slow source is allowed");
    }
}
