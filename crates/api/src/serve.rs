//! The server: connections in, the router's answers out, with a bound on everything that a client can make wait.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bucketry_listener::MinRate;
use bucketry_listener::accept::{Acceptor, ConnectionLimits};
use bucketry_listener::min_rate_stream::MinRateStream;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::Service as _;

use crate::stall::StallLimited;
use crate::state::ApiState;

/// Bounds of the server.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// How many connections may be open at once; more wait to be accepted.
    pub connections: usize,
    /// How many of them may be of one address, except for trusted proxies; more are closed. None is any number.
    pub connections_per_address: Option<NonZeroUsize>,
    /// How long a client may take to send a request's head, and how long it may keep an idle connection.
    pub head_timeout: Duration,
    /// How long a connection may make no progress at all. Must be longer than the longest poll of a node.
    pub stall_timeout: Duration,
    /// How slowly a client may read its answers.
    pub min_read_rate: MinRate,
    /// How long what is in flight may take to end once the server is told to stop.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: NonZeroUsize::new(1_024),
            head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(75),
            min_read_rate: MinRate { window: Duration::from_secs(30), bytes: 16 << 10 },
            drain: Duration::from_secs(30),
        }
    }
}

/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// The same over HTTP/2, where a connection has many requests.
const LARGEST_HEAD_OF_STREAM: u32 = 16 << 10;
/// Requests that an HTTP/2 connection may have in flight.
const STREAMS: u32 = 16;
/// What a client may send of a body, and of all bodies of an HTTP/2 connection, before any of it was read, in bytes.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// What is kept of an answer until an HTTP/2 client takes it, in bytes.
const STREAM_SEND_BUFFER: usize = 64 << 10;

/// Serves the router (HTTP/1.1, and HTTP/2 in clear text) until `stop` resolves; then stops accepting, lets long
/// polls answer, and returns once everything in flight has ended or its time is up.
///
/// Dropping the future stops accepting at once; connections that are open are served to their end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    state: &ApiState,
    settings: &ServeSettings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let limits = ConnectionLimits {
        total: settings.connections,
        per_address: settings.connections_per_address,
        trusted_proxies: state.settings().trusted_proxies.clone(),
    };
    let acceptor = Acceptor::new(listener, &limits);
    let builder = Arc::new(builder(settings));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (connection, peer, permit) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = &mut stop => break,
        };
        let answers = connection_future(connection, peer, &router, &builder, &graceful, settings);
        tokio::spawn(async move {
            answers.await;
            drop(permit);
        });
    }
    drop(acceptor);
    state.closing().cancel();
    if tokio::time::timeout(settings.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still in flight when their time was up");
    }
    Ok(())
}

pub(crate) fn builder(settings: &ServeSettings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_buf_size(LARGEST_HEAD)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LARGEST_HEAD_OF_STREAM)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(STREAM_SEND_BUFFER)
        .keep_alive_interval(Some(settings.head_timeout))
        .keep_alive_timeout(settings.head_timeout);
    builder
}

fn connection_future(
    connection: TcpStream,
    peer: SocketAddr,
    router: &Router,
    builder: &Arc<Builder<TokioExecutor>>,
    graceful: &GracefulShutdown,
    settings: &ServeSettings,
) -> impl Future<Output = ()> + Send + 'static {
    // Without it small answers wait for acknowledgements. A socket that refuses it works all the same.
    let _ = connection.set_nodelay(true);
    let router = router.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        async move { Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {})) }
    });
    let connection = MinRateStream::new(connection, settings.min_read_rate);
    let io = TokioIo::new(StallLimited::new(connection, settings.stall_timeout));
    let watcher = graceful.watcher();
    let builder = Arc::clone(builder);
    async move {
        let connection = watcher.watch(builder.serve_connection(io, service).into_owned());
        // Clients break connections off all the time; what matters was logged with its request.
        if let Err(error) = connection.await {
            tracing::debug!(%error, %peer, "a connection broke off");
        }
    }
}
