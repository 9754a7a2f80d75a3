//! Ends connections after the request in flight.
//!
//! Does what hyper-util's `GracefulShutdown` does, which looks for the end of the listener each time a connection is
//! woken. That would be a good part of what the listener costs a small request.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use hyper_util::server::graceful::GracefulConnection;
use tokio::sync::watch;
use tokio::task::unconstrained;

/// Tells connections to end, and waits for them.
#[derive(Debug, Default)]
pub(crate) struct GracefulStop {
    sender: watch::Sender<()>,
    is_stopping: Arc<AtomicBool>,
}

impl GracefulStop {
    /// A watcher for one connection.
    pub(crate) fn watcher(&self) -> StopWatcher {
        StopWatcher { receiver: self.sender.subscribe(), is_stopping: Arc::clone(&self.is_stopping) }
    }

    /// Ends all watched connections after the request in flight. Returns when they have ended.
    pub(crate) async fn stop(self) {
        // The flag first: a task that is woken by the message finds it set.
        self.is_stopping.store(true, Ordering::SeqCst);
        _ = self.sender.send(());
        self.sender.closed().await;
    }
}

impl Drop for GracefulStop {
    /// Connections also end when nobody is left to tell them.
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::SeqCst);
    }
}

/// Ends a connection when its listener is stopped. The listener waits until this is dropped.
#[derive(Debug)]
pub struct StopWatcher {
    receiver: watch::Receiver<()>,
    is_stopping: Arc<AtomicBool>,
}

impl StopWatcher {
    /// Returns when the listener is stopped.
    pub(crate) async fn stopped(&mut self) {
        // An error means that nobody is left to stop it.
        _ = self.receiver.changed().await;
    }

    /// Runs a connection until it ends by itself, or after the request in flight once the listener is stopped.
    pub fn watch<C: GracefulConnection>(self, connection: C) -> impl Future<Output = C::Output> {
        let Self { mut receiver, is_stopping } = self;
        let stopped = async move {
            _ = receiver.changed().await;
            // Kept until the connection has ended.
            receiver
        };
        WatchedConnection {
            connection: Box::pin(connection),
            stopped: Box::pin(stopped),
            held: None,
            waker: Waker::noop().clone(),
            is_stopping,
        }
    }
}

struct WatchedConnection<C, F: Future> {
    connection: Pin<Box<C>>,
    /// Resolves when the listener is stopped.
    stopped: Pin<Box<F>>,
    /// What it resolved to.
    held: Option<F::Output>,
    /// The task that is woken when the listener is stopped.
    waker: Waker,
    is_stopping: Arc<AtomicBool>,
}

impl<C, F: Future> WatchedConnection<C, F> {
    /// Waits for the end of the listener. Nothing needs to be done while the task is the same and there is no end.
    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.waker.will_wake(cx.waker()) && !self.is_stopping.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        // Without the runtime's budget for a task, which could end before the task is registered.
        let polled = pin!(unconstrained(self.stopped.as_mut())).poll(cx);
        if polled.is_pending() {
            self.waker.clone_from(cx.waker());
        }
        polled
    }
}

impl<C, F> Future for WatchedConnection<C, F>
where
    C: GracefulConnection,
    F: Future<Output: Unpin>,
{
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        if this.held.is_none()
            && let Poll::Ready(stopped) = this.poll_stopped(cx)
        {
            this.held = Some(stopped);
            this.connection.as_mut().graceful_shutdown();
        }
        this.connection.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::task::JoinHandle;
    use tokio::time::{sleep, timeout};

    use super::*;

    const SLOW: Duration = Duration::from_secs(10);

    fn serve(stop: &GracefulStop) -> (DuplexStream, JoinHandle<()>) {
        let (client, server) = tokio::io::duplex(4_096);
        let answer = service_fn(|_: Request<Incoming>| async {
            sleep(SLOW).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"done"))))
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), answer);
        let watched = stop.watcher().watch(connection);
        (client, tokio::spawn(async move { watched.await.unwrap() }))
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_end_at_once_and_others_after_their_request() {
        let stop = GracefulStop::default();
        let (mut idle, first) = serve(&stop);
        let (mut busy, second) = serve(&stop);
        busy.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        let stopping = tokio::spawn(stop.stop());
        assert_eq!(timeout(Duration::from_secs(1), idle.read(&mut [0])).await.unwrap().unwrap(), 0);
        first.await.unwrap();
        assert!(!stopping.is_finished(), "a request is in flight");
        let mut response = String::new();
        busy.read_to_string(&mut response).await.unwrap();
        assert!(response.contains("connection: close") && response.ends_with("done"), "{response}");
        second.await.unwrap();
        stopping.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn connections_end_with_their_listener() {
        let stop = GracefulStop::default();
        let (mut client, served) = serve(&stop);
        sleep(Duration::from_secs(1)).await;
        drop(stop);
        served.await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_moved_to_another_task_ends_all_the_same() {
        let stop = GracefulStop::default();
        let (mut client, server) = tokio::io::duplex(4_096);
        let answer = service_fn(|_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), answer);
        let mut watched = Box::pin(stop.watcher().watch(connection));
        assert!(timeout(Duration::from_secs(1), &mut watched).await.is_err());
        let moved = tokio::spawn(watched);
        sleep(Duration::from_secs(1)).await;
        stop.stop().await;
        moved.await.unwrap().unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}
