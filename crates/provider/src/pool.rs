//! A pool of connections for reuse between requests.
//!
//! A connection has no dedicated task: the task that waits for the response, or reads its body, drives the
//! connection. One task therefore carries a request from end to end on one core, without a wake-up for every piece
//! of data. Nothing drives an idle connection. Its health is checked when it is taken from the pool, and
//! connections that stay unused are closed after the idle timeout.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use foldhash::fast::RandomState;
use futures_util::task::AtomicWaker;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::http1;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tower::Service as _;

use crate::connector::BoundedConnector;
use crate::error::ProviderError;
use crate::payload::Outgoing;

/// How many times per idle timeout the pool looks for connections that have reached it.
const SWEEPS: u32 = 4;

/// Sends requests over pooled connections. The number of connections per host is at most the number of requests in
/// flight plus `max_idle_per_host`.
pub(crate) struct Pool {
    connector: BoundedConnector,
    idle: Arc<IdlePool>,
}

/// The unused connections.
struct IdlePool {
    idle_timeout: Duration,
    max_idle_per_host: usize,
    idle_connections: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// The most recently used connection is at the end.
    by_origin: HashMap<Origin, VecDeque<Box<PooledConnection>>, RandomState>,
    /// The number of sweeps so far. Measures how long a connection has been idle.
    sweeps: u64,
    /// Whether a task sweeps the pool.
    watched: bool,
}

/// The destination of a connection.
#[derive(Debug, Clone)]
struct Origin {
    tls: bool,
    authority: Authority,
}

/// Compares the spelling, which is always the same for a bucket. [`Authority`] would fold the case of each
/// character.
impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.tls == other.tls && self.authority.as_str() == other.authority.as_str()
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tls.hash(state);
        self.authority.as_str().hash(state);
    }
}

type Driver = Pin<Box<http1::Connection<MaybeHttpsStream<TokioIo<TcpStream>>, Outgoing>>>;

/// A connection, in use or idle.
struct PooledConnection {
    origin: Origin,
    idle: Weak<IdlePool>,
    sender: http1::SendRequest<Outgoing>,
    /// Moves the bytes while it is polled. `None` once the connection has ended.
    driver: Option<Driver>,
    /// The task that polls the driver.
    caller: Arc<ConnectionCaller>,
    /// Wakes the caller.
    waker: Waker,
    /// Whether the last request had no body and was therefore sent completely when its response arrived.
    is_sent: bool,
    /// The value of [`Idle::sweeps`] when the connection became idle.
    since: u64,
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

/// Why a request got no response.
enum Lost {
    /// The connection had ended before anything of the request was written, so the request can be sent again.
    Unsent(Box<Request<Outgoing>>),
    Failed(ProviderError),
}

impl Pool {
    pub(crate) fn new(connector: BoundedConnector, idle_timeout: Duration, max_idle_per_host: usize) -> Self {
        let idle = IdlePool { idle_timeout, max_idle_per_host, idle_connections: Mutex::default() };
        Self { connector, idle: Arc::new(idle) }
    }

    /// Sends a request over an idle connection or a new one, and waits for the head of the response. If a
    /// connection turns out to have been closed before anything was written, the next one is used. A request that
    /// the server may have seen is never repeated.
    ///
    /// Dropping the future closes the connection of the request.
    pub(crate) async fn send(
        &self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, ProviderError> {
        let (origin, address) = in_origin_form(&mut request)?;
        while let Some(connection) = self.idle.take(&origin) {
            match connection.exchange(request).await {
                Ok(answer) => return Ok(answer),
                Err(Lost::Unsent(back)) => request = *back,
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        // New connections are rare, and their future is large because of the TLS handshake. On the heap, it keeps
        // requests small.
        let connection = Box::pin(self.connect(origin, address)).await?;
        connection.exchange(request).await.map_err(|lost| match lost {
            Lost::Unsent(_) => ProviderError::BrokenOff,
            Lost::Failed(error) => error,
        })
    }

    async fn connect(&self, origin: Origin, address: Uri) -> Result<Box<PooledConnection>, ProviderError> {
        let stream = self.connector.clone().call(address).await;
        let stream = stream.map_err(|error| ProviderError::from_client(&*error))?;
        let (sender, driver) =
            http1::handshake(stream).await.map_err(|error| ProviderError::from_client(&error))?;
        let caller = Arc::new(ConnectionCaller::default());
        Ok(Box::new(PooledConnection {
            origin,
            idle: Arc::downgrade(&self.idle),
            sender,
            driver: Some(Box::pin(driver)),
            waker: Waker::from(Arc::clone(&caller)),
            caller,
            is_sent: false,
            since: 0,
        }))
    }
}

/// Removes scheme and authority from a request URI, because HTTP/1.1 sends only the path. Adds `Host` if it is
/// missing.
fn in_origin_form(request: &mut Request<Outgoing>) -> Result<(Origin, Uri), ProviderError> {
    let address = request.uri().clone();
    let invalid = || ProviderError::InvalidRequest("the address is not a valid URL");
    let authority = address.authority().cloned().ok_or_else(invalid)?;
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| invalid())?;
        request.headers_mut().insert(HOST, host);
    }
    let path = address.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    Ok((Origin { tls: address.scheme() == Some(&Scheme::HTTPS), authority }, address))
}

impl PooledConnection {
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

    /// Whether the connection can take another request: the last one is complete in both directions and, as far as
    /// is known, the server has not closed the connection.
    fn is_fit(&mut self) -> bool {
        self.drive(&mut noop_context());
        self.driver.is_some() && self.sender.is_ready()
    }

    async fn exchange(mut self: Box<Self>, request: Request<Outgoing>) -> Result<Response<Incoming>, Lost> {
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
                let mut body = Incoming { body, connection: Some(self) };
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
        if let Some(idle) = self.idle.upgrade()
            && if self.is_sent { self.driver.is_some() } else { self.is_fit() }
        {
            idle.put(self);
        }
    }
}

/// The context for a future that the caller polls again anyway.
fn noop_context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A response body. Reading it drives its connection, which returns to the pool once the body has been read to its
/// end. Dropping it early closes the connection.
pub(crate) struct Incoming {
    body: hyper::body::Incoming,
    connection: Option<Box<PooledConnection>>,
}

impl Incoming {
    fn give_back_at_end(&mut self) {
        if self.body.is_end_stream()
            && let Some(connection) = self.connection.take()
        {
            connection.release();
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
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
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl IdlePool {
    /// Takes the most recently used connection that is still healthy.
    fn take(&self, origin: &Origin) -> Option<Box<PooledConnection>> {
        loop {
            let mut connection = self.idle_connections.lock().by_origin.get_mut(origin)?.pop_back()?;
            if connection.is_fit() {
                return Some(connection);
            }
        }
    }

    fn put(self: Arc<Self>, mut connection: Box<PooledConnection>) {
        // Without a runtime, no task could close the connection later, so it is closed now.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut idle_connections = self.idle_connections.lock();
        connection.since = idle_connections.sweeps;
        let line = match idle_connections.by_origin.get_mut(&connection.origin) {
            Some(line) => line,
            None => idle_connections.by_origin.entry(connection.origin.clone()).or_default(),
        };
        line.push_back(connection);
        let surplus = if line.len() > self.max_idle_per_host { line.pop_front() } else { None };
        let is_watched = std::mem::replace(&mut idle_connections.watched, true);
        drop(idle_connections);
        drop(surplus);
        if !is_watched {
            let watch = Watch { idle: Arc::downgrade(&self), done: false };
            runtime.spawn(watch.run(self.idle_timeout / SWEEPS));
        }
    }

    /// Closes connections that have been idle for too long. Returns whether any are left.
    fn sweep(&self) -> bool {
        let mut closed = Vec::new();
        let mut idle_connections = self.idle_connections.lock();
        idle_connections.sweeps += 1;
        let sweeps = idle_connections.sweeps;
        idle_connections.by_origin.retain(|_, line| {
            while line.front().is_some_and(|connection| sweeps - connection.since >= u64::from(SWEEPS)) {
                closed.extend(line.pop_front());
            }
            !line.is_empty()
        });
        idle_connections.watched = !idle_connections.by_origin.is_empty();
        idle_connections.watched
    }
}

/// The task that sweeps the pool. If it ends with its runtime, the next connection that becomes idle starts
/// another.
struct Watch {
    idle: Weak<IdlePool>,
    /// The pool is empty and has recorded that no task watches it.
    done: bool,
}

impl Watch {
    async fn run(mut self, every: Duration) {
        while !self.done {
            tokio::time::sleep(every).await;
            let Some(idle) = self.idle.upgrade() else { return };
            self.done = !idle.sweep();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.done
            && let Some(idle) = self.idle.upgrade()
        {
            idle.idle_connections.lock().watched = false;
        }
    }
}

#[cfg(test)]
mod tests;
