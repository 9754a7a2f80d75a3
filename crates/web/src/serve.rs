//! Serves a router on a listener. Everything that a client can make the server wait for has a limit.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tower::Service as _;

use crate::MinRate;
use crate::accept::{CONNECTIONS_PER_ADDRESS, ConnectionLimits};
use crate::graceful::StopWatcher;
use crate::listener::{ClientStream, ListenerSettings, serve_connections};
use crate::stall::StallLimited;
use crate::tls::{EncryptedConnection, ServerTls};

/// Limits of a server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The most connections that may be open at once. Others wait to be accepted.
    pub connections: usize,
    /// The most open connections per address, except for trusted proxies. Others are closed. `None` means no limit.
    pub connections_per_address: Option<NonZeroUsize>,
    /// How long a client may take to send a request head, and how long a connection may be idle.
    pub head_timeout: Duration,
    /// How long a connection may make no progress. Must be longer than the longest poll.
    pub stall_timeout: Duration,
    /// The lowest rate at which a client must read its responses.
    pub min_read_rate: MinRate,
    /// How long requests in flight may take once the server is stopped.
    pub drain: Duration,
    /// How the server speaks TLS; `None` for plain http.
    pub tls: Option<ServerTls>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: NonZeroUsize::new(CONNECTIONS_PER_ADDRESS as usize),
            head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(75),
            min_read_rate: MinRate { window: Duration::from_secs(30), bytes: 16 << 10 },
            drain: Duration::from_secs(30),
            tls: None,
        }
    }
}

/// The largest request head, in bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// The largest request head over HTTP/2, in bytes. It is smaller because a connection carries many requests.
const LARGEST_HEAD_OF_STREAM: u32 = 16 << 10;
/// The most requests in flight per HTTP/2 connection.
const STREAMS: u32 = 16;
/// How many bytes of a body a client may send before the server reads them, per stream and per HTTP/2 connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;
/// How many bytes of a response are buffered until an HTTP/2 client reads them.
const STREAM_SEND_BUFFER: usize = 64 << 10;

/// Serves the router over HTTP/1.1 and HTTP/2, with or without TLS, until `stop` resolves. Then it stops accepting
/// connections, and returns once all requests in flight have ended. Those that take longer than
/// [`HttpSettings::drain`] are cut off. So that long polls return in time, `stop` should end them when it resolves.
///
/// Dropping the future closes the listener and all connections.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &HttpSettings,
    trusted_proxies: &[IpNet],
    stop: impl Future<Output = ()>,
) {
    let listening = ListenerSettings {
        limits: ConnectionLimits {
            total: settings.connections,
            per_address: settings.connections_per_address,
            trusted_proxies: trusted_proxies.to_vec(),
        },
        min_read_rate: settings.min_read_rate,
        drain: settings.drain,
        tls: settings.tls.clone(),
    };
    let builder = Arc::new(builder(settings));
    let stall_timeout = settings.stall_timeout;
    let connect = move |connection: ClientStream, peer, watcher| {
        let encrypted = connection.connection().encrypted();
        let connection = StallLimited::new(connection, stall_timeout);
        connection_future(connection, (peer, encrypted), router.clone(), Arc::clone(&builder), watcher)
    };
    serve_connections(listener, &listening, stop, connect).await;
}

fn builder(settings: &HttpSettings) -> Builder<TokioExecutor> {
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
    connection: StallLimited<ClientStream>,
    (peer, encrypted): (SocketAddr, Option<EncryptedConnection>),
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    watcher: StopWatcher,
) -> impl Future<Output = ()> + Send + use<> {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(encrypted) = encrypted {
            request.extensions_mut().insert(encrypted);
        }
        async move { Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {})) }
    });
    let io = TokioIo::new(connection);
    async move {
        let connection = watcher.watch(builder.serve_connection(io, service).into_owned());
        // Clients drop connections all the time. Errors that matter are logged with their request.
        if let Err(error) = connection.await {
            tracing::debug!(%error, %peer, "a connection ended early");
        }
    }
}
