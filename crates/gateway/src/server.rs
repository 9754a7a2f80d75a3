//! Serves HTTP/1.1 on the listener. Everything that a client can make it wait for is bounded.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bucketry_web::accept::ConnectionLimits;
use bucketry_web::listener::{ClientStream, ListenerSettings, serve_connections};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::settings::ServerSettings;

/// Answers HTTP requests.
pub(crate) trait Answer: Send + Sync + 'static {
    type Body: Body<Data = bytes::Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static;

    /// The future is dropped when the client disconnects.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Serves HTTP/1.1 until `stop` is cancelled, as [`serve_connections`] describes. Requests that are cut off at the
/// end are dropped, which counts them.
pub(crate) async fn serve<A: Answer>(
    listener: TcpListener,
    answer: Arc<A>,
    settings: &ServerSettings,
    stop: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    // The limit is twice the configured one, so that a head that is only slightly too long gets an error response.
    // Bodies need larger buffers than heads anyway.
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_header_size(2 * settings.max_head_bytes);
    let connect =
        |connection, _, watcher| connection_future(connection, Arc::clone(&answer), &builder, watcher);
    serve_connections(listener, &listener_settings(settings), stop.cancelled(), connect).await;
}

fn listener_settings(settings: &ServerSettings) -> ListenerSettings {
    ListenerSettings {
        limits: ConnectionLimits {
            total: settings.connections,
            per_address: settings.connections_per_address,
            trusted_proxies: settings.trusted_proxies.clone(),
        },
        min_read_rate: settings.min_rate(),
        drain: settings.drain,
    }
}

fn connection_future<A: Answer>(
    connection: ClientStream,
    answer: Arc<A>,
    builder: &http1::Builder,
    watcher: Watcher,
) -> impl Future<Output = ()> + Send + use<A> {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move { Ok::<_, Infallible>(answer.answer(request).await) }
    });
    let connection = watcher.watch(builder.serve_connection(TokioIo::new(connection), service));
    async move {
        // Clients disconnect all the time. What matters was already counted with the request.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended with an error");
        }
    }
}
