//! Serves HTTP/1.1 on the listener. Everything that a client can make it wait for is bounded.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bucketry_web::accept::ConnectionLimits;
use bucketry_web::graceful::StopWatcher;
use bucketry_web::head_timer::HeadTimer;
use bucketry_web::listener::{ClientStream, ListenerSettings, serve_connections};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::front::Front;
use crate::request::service::{ClientConnection, Service};
use crate::server_settings::ServerSettings;

/// Serves HTTP/1.1 until `stop` is cancelled, as [`serve_connections`] describes. Requests that are cut off at the
/// end are dropped, which counts them.
pub(crate) async fn serve<F: Front>(
    listener: TcpListener,
    service: Arc<Service<F>>,
    settings: &ServerSettings,
    stop: CancellationToken,
) {
    let mut builder = http1::Builder::new();
    // The limit is twice the configured one, so that a head that is only slightly too long gets an error response.
    // Bodies need larger buffers than heads anyway.
    builder.header_read_timeout(settings.head_timeout).max_header_size(2 * settings.max_head_bytes);
    let connect = move |connection, peer: SocketAddr, watcher| {
        connection_future(connection, peer, Arc::clone(&service), &builder, watcher)
    };
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
        tls: settings.tls.clone(),
    }
}

/// What the requests of a connection share.
struct ServedConnection<F: Front> {
    service: Arc<Service<F>>,
    client: ClientConnection<F::Memory>,
}

fn connection_future<F: Front>(
    connection: ClientStream,
    peer: SocketAddr,
    service: Arc<Service<F>>,
    builder: &http1::Builder,
    watcher: StopWatcher,
) -> impl Future<Output = ()> + Send + use<F> {
    let client = ClientConnection { memory: F::Memory::default(), peer: peer.ip().to_canonical() };
    let served = Arc::new(ServedConnection { service, client });
    let answer = service_fn(move |request: Request<Incoming>| {
        let served = Arc::clone(&served);
        async move { Ok::<_, Infallible>(served.service.answer(request, &served.client).await) }
    });
    let mut builder = builder.clone();
    builder.timer(HeadTimer::default());
    let connection = watcher.watch(builder.serve_connection(TokioIo::new(connection), answer));
    async move {
        // Clients disconnect all the time. What matters was already counted with the request.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended with an error");
        }
    }
}
