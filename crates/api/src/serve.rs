//! The server: connections in, the router's answers out, with a bound on everything that a client can make wait.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
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
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service as _;

use crate::stall::StallLimited;
use crate::state::ApiState;

/// Bounds of the server.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// How many connections may be open at once; more wait to be accepted.
    pub connections: usize,
    /// How long a client may take to send a request's head, and how long it may keep an idle connection.
    pub head_timeout: Duration,
    /// How long a connection may make no progress at all. Must be longer than the longest poll of a node.
    pub stall_timeout: Duration,
    /// How long what is in flight may take to end once the server is told to stop.
    pub drain: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        Self {
            connections: 10_000,
            head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(75),
            drain: Duration::from_secs(30),
        }
    }
}

/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// Requests that an HTTP/2 connection may have in flight.
const STREAMS: u32 = 128;
/// How long accepting pauses after the operating system refused (out of file descriptors, mostly).
const PAUSE: Duration = Duration::from_millis(100);

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
    let places = Arc::new(Semaphore::new(settings.connections));
    let builder = Arc::new(builder(settings));
    let mut stop = std::pin::pin!(stop);
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.map_err(io::Error::other)?,
            () = &mut stop => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (connection, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if of_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no connection could be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let answers = connection_future(connection, peer, &router, &builder, &graceful, settings);
        tokio::spawn(async move {
            answers.await;
            drop(place);
        });
    }
    drop(listener);
    state.closing().cancel();
    if tokio::time::timeout(settings.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still in flight when their time was up");
    }
    Ok(())
}

fn builder(settings: &ServeSettings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_buf_size(LARGEST_HEAD)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(LARGEST_HEAD).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(settings.head_timeout))
        .keep_alive_timeout(settings.head_timeout);
    builder
}

/// The client was gone before we came to it: nothing is wrong here.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
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
