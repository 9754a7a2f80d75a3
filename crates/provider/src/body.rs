//! Response bodies: streamed, never held in memory as a whole, with a timeout for every wait.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, timeout};

use crate::error::ProviderError;
pub use crate::payload::Payload;
use crate::pool::Incoming;

/// A streamed response body. If the provider sends nothing for the stall timeout (at most twice as long), the body
/// ends with [`ProviderError::TimedOut`]. Dropping it early closes the connection.
pub struct ProviderBody {
    inner: Incoming,
    stall_timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    moved: bool,
}

impl ProviderBody {
    pub(crate) fn new(inner: Incoming, stall_timeout: Duration) -> Self {
        Self { inner, stall_timeout, timer: None, moved: false }
    }

    /// Reads the whole body into memory. More than `limit` bytes, or a longer time than `within`, is an error.
    pub async fn collect_bounded(mut self, limit: usize, within: Duration) -> Result<Bytes, ProviderError> {
        let mut gathered = Vec::new();
        let all = async {
            while let Some(frame) = self.frame().await {
                let Ok(data) = frame?.into_data() else { continue };
                if gathered.len() + data.len() > limit {
                    return Err(ProviderError::NotAnObjectStore { status: None });
                }
                gathered.extend_from_slice(&data);
            }
            Ok(())
        };
        timeout(within, all).await.map_err(|_| ProviderError::TimedOut)??;
        Ok(gathered.into())
    }
}

impl Body for ProviderBody {
    type Data = Bytes;
    type Error = ProviderError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProviderError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.moved = true;
            return Poll::Ready(frame);
        }
        // Resetting the timer for every frame would cost more than the frame, so the timer checks for progress when
        // it fires.
        loop {
            let stall_timeout = this.stall_timeout;
            let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_timeout)));
            ready!(timer.as_mut().poll(cx));
            if !std::mem::take(&mut this.moved) {
                return Poll::Ready(Some(Err(ProviderError::TimedOut)));
            }
            timer.as_mut().reset(Instant::now() + stall_timeout);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl fmt::Debug for ProviderBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderBody")
    }
}
