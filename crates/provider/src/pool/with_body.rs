//! Connections for requests with a body, over hyper's client.
//!
//! A connection has no dedicated task: the task that waits for the response, or reads its body, drives the
//! connection. One task therefore carries a request from end to end on one core, without a wake-up for every piece
//! of data. Nothing drives an idle connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;

use super::idle::{PoolSlot, Reusable};
use super::{Lost, Stream};
use crate::error::ProviderError;
use crate::payload::Outgoing;

type Driver = Pin<Box<http1::Connection<Stream, Outgoing>>>;

/// A connection, in use or idle.
pub(super) struct PooledConnection {
    home: PoolSlot<Self>,
    sender: http1::SendRequest<Outgoing>,
    /// Moves the bytes while it is polled. `None` once the connection has ended.
    driver: Option<Driver>,
    /// The task that polls the driver.
    caller: Arc<ConnectionCaller>,
    /// Wakes the caller.
    waker: Waker,
    /// Whether the last request had no body and was therefore sent completely when its response arrived.
    is_sent: bool,
}

/// The task that drives a connection. It is woken when there is more to move.
#[derive(Default)]
struct ConnectionCaller {
    task: AtomicWaker,
    /// Set while the task reads the response body. The task then looks for more data anyway, and the wake-up that
    /// reading causes would only make it process the whole request again for nothing.
    is_reading: AtomicBool,
}

impl Wake for ConnectionCaller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_reading.load(Ordering::Acquire) {
            self.task.wake();
        }
    }
}

impl Reusable for PooledConnection {
    fn is_fit(&mut self) -> bool {
        self.drive(&mut noop_context());
        self.driver.is_some() && self.sender.is_ready()
    }

    fn home(&self) -> &PoolSlot<Self> {
        &self.home
    }
}

impl PooledConnection {
    pub(super) async fn open(stream: Stream, home: PoolSlot<Self>) -> Result<Box<Self>, ProviderError> {
        let (sender, driver) =
            http1::handshake(stream).await.map_err(|error| ProviderError::from_client(&error))?;
        let caller = Arc::new(ConnectionCaller::default());
        Ok(Box::new(Self {
            home,
            sender,
            driver: Some(Box::pin(driver)),
            waker: Waker::from(Arc::clone(&caller)),
            caller,
            is_sent: false,
        }))
    }

    /// Moves bytes. The task of `cx` is woken when there is more to move.
    fn drive(&mut self, cx: &mut Context<'_>) {
        self.caller.task.register(cx.waker());
        if let Some(driver) = &mut self.driver
            && driver.as_mut().poll(&mut Context::from_waker(&self.waker)).is_ready()
        {
            // Dropping the driver returns a request that was queued but not written.
            self.driver = None;
        }
    }

    /// Sends a request and waits for the head of the response.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: Request<Outgoing>,
    ) -> Result<Response<DrivenBody>, Lost<Box<Request<Outgoing>>>> {
        self.is_sent = request.body().is_end_stream();
        // Only the driver produces a response, and it runs right before each poll. No wake-up is needed, and the
        // task's budget is spent by the driver.
        let mut answer = pin!(tokio::task::unconstrained(self.sender.try_send_request(request)));
        let outcome = poll_fn(|cx| {
            self.drive(cx);
            match answer.as_mut().poll(&mut noop_context()) {
                Poll::Pending if self.driver.is_none() => Poll::Ready(None),
                polled => polled.map(Some),
            }
        })
        .await;
        match outcome {
            Some(Ok(answer)) => Ok(answer.map(|body| {
                let mut body = DrivenBody { body, connection: Some(self) };
                body.give_back_at_end();
                body
            })),
            Some(Err(mut error)) => Err(match error.take_message() {
                Some(request) => Lost::Unsent(Box::new(request)),
                None => Lost::Failed(ProviderError::from_client(error.error())),
            }),
            None => Err(Lost::Failed(ProviderError::BrokenOff)),
        }
    }

    fn release(mut self: Box<Self>) {
        // If nothing is left to send, checking the connection when it is taken from the pool is enough.
        if if self.is_sent { self.driver.is_some() } else { self.is_fit() } {
            PoolSlot::release(self);
        }
    }
}

/// The context for a future that the caller polls again anyway.
fn noop_context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A response body. Reading it drives its connection, which returns to the pool once the body has been read to its
/// end. Dropping it early closes the connection.
pub(crate) struct DrivenBody {
    body: hyper::body::Incoming,
    connection: Option<Box<PooledConnection>>,
}

impl DrivenBody {
    fn give_back_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(connection) = self.connection.take()
        {
            connection.release();
        }
    }
}

impl Body for DrivenBody {
    type Data = Bytes;
    type Error = ProviderError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProviderError>>> {
        let this = &mut *self;
        if let Some(connection) = &this.connection {
            connection.caller.is_reading.store(true, Ordering::Release);
        }
        let mut polled = Pin::new(&mut this.body).poll_frame(&mut noop_context());
        if let Some(connection) = &this.connection {
            // Driving below finds whatever woke nobody in the meantime, and the body never waits without driving
            // first.
            connection.caller.is_reading.store(false, Ordering::Release);
        }
        if polled.is_pending()
            && let Some(connection) = &mut this.connection
        {
            connection.drive(cx);
            polled = Pin::new(&mut this.body).poll_frame(&mut noop_context());
        }
        match &polled {
            Poll::Ready(Some(Ok(_))) => this.give_back_at_end(),
            // The end of a body of unknown length.
            Poll::Ready(None) => {
                if let Some(connection) = this.connection.take() {
                    connection.release();
                }
            }
            Poll::Ready(Some(Err(_))) => this.connection = None,
            Poll::Pending => {}
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(|error| ProviderError::from_client(&error))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
