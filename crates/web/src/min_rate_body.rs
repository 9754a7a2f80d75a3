//! Request bodies that are counted, and fail if the client sends too slowly.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::MinRate;

/// The error of a body: [`TooSlow`], or the error of the wrapped body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The client sent less than the minimum rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body came too slowly, or not at all")]
pub struct TooSlow;

/// A body that fails with [`TooSlow`] if the client sends less than [`MinRate`] requires. Only the time spent
/// waiting for the client counts, so a slow reader on this side isn't held against the client.
pub struct MinRateBody<B> {
    inner: B,
    rate: MinRate,
    /// When waiting for the client began, and the timer that ends it. `None` while nothing is awaited.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
    waited: Duration,
    in_window: u64,
    received: Arc<AtomicU64>,
}

impl<B> MinRateBody<B> {
    /// Wraps a body. `received` counts the bytes read so far.
    pub fn new(inner: B, rate: MinRate, received: Arc<AtomicU64>) -> Self {
        Self { inner, rate, wait: None, waited: Duration::ZERO, in_window: 0, received }
    }

    fn note(&mut self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.in_window += bytes;
        let wait = self.wait.take();
        if self.in_window >= self.rate.bytes {
            self.in_window = 0;
            self.waited = Duration::ZERO;
        } else if let Some((since, _)) = wait {
            self.waited += since.elapsed();
        }
    }
}

impl<B> Body for MinRateBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                this.note(data.len() as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let left = this.rate.window.saturating_sub(this.waited);
        let (_, timer) = this.wait.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(Box::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    const RATE: MinRate = MinRate { window: Duration::from_secs(30), bytes: 1_000 };

    /// Sends `pieces` of so many bytes, one per `every`, to a reader that takes `reader` per piece.
    async fn send(pieces: usize, bytes: usize, every: Duration, reader: Duration) -> Result<u64, BoxError> {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            sleep(every).await;
            Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; bytes])))
        });
        let received = Arc::default();
        let mut body = MinRateBody::new(StreamBody::new(Box::pin(pieces)), RATE, Arc::clone(&received));
        while let Some(frame) = body.frame().await {
            frame?;
            sleep(reader).await;
        }
        Ok(received.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_trickles_is_given_up_and_a_slow_reader_is_not_held_against_it() {
        let second = Duration::from_secs(1);
        assert!(send(100, 1, second, Duration::ZERO).await.is_err(), "bytes now and then are not enough");
        assert!(send(1, 1, 31 * second, Duration::ZERO).await.is_err());
        assert_eq!(send(100, 100, second, Duration::ZERO).await.unwrap(), 10_000);
        assert_eq!(send(20, 1, second, 100 * second).await.unwrap(), 20);
    }
}
