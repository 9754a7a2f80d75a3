//! Drops connections of clients that read their responses too slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::MinRate;

/// A connection whose writes fail with [`io::ErrorKind::TimedOut`] if the client reads less than [`MinRate`]
/// requires. Only the time spent waiting for the client counts, not the time it takes to produce a response.
///
/// While writes don't block, there is no timer.
pub struct MinRateStream<T> {
    connection: T,
    rate: MinRate,
    /// When waiting for the client began, and the timer that ends it. `None` while nothing is awaited.
    wait: Option<(Instant, Pin<Box<Sleep>>)>,
    waited: Duration,
    in_window: u64,
}

impl<T> MinRateStream<T> {
    /// Wraps a connection.
    pub fn new(connection: T, rate: MinRate) -> Self {
        Self { connection, rate, wait: None, waited: Duration::ZERO, in_window: 0 }
    }

    /// What it wraps.
    pub(crate) fn connection(&self) -> &T {
        &self.connection
    }

    fn watch(&mut self, polled: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = polled else {
            if self.waited == Duration::ZERO && self.wait.is_none() {
                // What was written without waiting only filled the system's buffers, and says nothing about the
                // client's speed.
                self.in_window = 0;
            }
            let left = self.rate.window.saturating_sub(self.waited);
            let (_, timer) = self.wait.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            return timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()));
        };
        if let Some((since, _)) = self.wait.take() {
            self.waited += since.elapsed();
        }
        if self.waited > Duration::ZERO {
            self.in_window += written.as_ref().map_or(0, |written| *written as u64);
            if self.in_window >= self.rate.bytes {
                self.in_window = 0;
                self.waited = Duration::ZERO;
            }
        }
        Poll::Ready(written)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for MinRateStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for MinRateStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.connection).poll_write(cx, bytes);
        self.watch(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.connection).poll_write_vectored(cx, slices);
        self.watch(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const RATE: MinRate = MinRate { window: Duration::from_secs(30), bytes: 1_000 };

    /// Sends 64 KiB to a client that reads `bytes` per `every`.
    async fn send_to(bytes: usize, every: Duration) -> io::Result<()> {
        let (mut client, server) = tokio::io::duplex(2_048);
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; bytes];
            while client.read_exact(&mut buffer).await.is_ok() {
                sleep(every).await;
            }
        });
        let sent = MinRateStream::new(server, RATE).write_all(&vec![0; 64 << 10]).await;
        reading.abort();
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_hardly_reads_is_dropped_and_one_that_reads_slowly_is_not() {
        let second = Duration::from_secs(1);
        let stalled = send_to(1, 10_000 * second).await;
        assert_eq!(stalled.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let trickling = send_to(1, 5 * second).await;
        assert_eq!(trickling.unwrap_err().kind(), io::ErrorKind::TimedOut, "a byte every 5 s is too slow");
        send_to(512, 5 * second).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_answer_takes_to_be_made_is_not_held_against_its_reader() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = MinRateStream::new(server, RATE);
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        for _ in 0..20 {
            sleep(Duration::from_mins(1)).await;
            server.write_all(&[0; 128]).await.unwrap();
        }
        drop(server);
        assert_eq!(reading.await.unwrap(), 2_560);
    }
}
