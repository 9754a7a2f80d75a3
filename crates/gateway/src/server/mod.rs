//! The HTTP listener. Everything that a client can make it wait for is bounded.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bucketry_web::accept::{Acceptor, ConnectionLimits};
use bucketry_web::min_rate_stream::MinRateStream;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
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

/// Serves HTTP/1.1 until `stop` is cancelled. Then it stops accepting, waits for requests in flight, cuts off those
/// that take longer than [`ServerSettings::drain`], and returns when all have ended.
pub(crate) async fn serve<A: Answer>(
    listener: TcpListener,
    answer: Arc<A>,
    settings: &ServerSettings,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let limits = ConnectionLimits {
        total: settings.connections,
        per_address: settings.connections_per_address,
        trusted_proxies: settings.trusted_proxies.clone(),
    };
    let acceptor = Acceptor::new(listener, &limits);
    let mut builder = http1::Builder::new();
    // The limit is twice the configured one, so that a head that is only slightly too long gets an error response.
    // Bodies need larger buffers than heads anyway.
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_header_size(2 * settings.max_head_bytes);
    let mut tasks = JoinSet::new();
    let accepting = async {
        loop {
            tokio::select! {
                (connection, _, permit) = acceptor.accept() => {
                    let served = connection_future(connection, &answer, &builder, &graceful, settings);
                    tasks.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                // Frees the tasks that have ended.
                Some(_) = tasks.join_next() => {}
            }
        }
    };
    stop.run_until_cancelled(accepting).await;
    drop(acceptor);
    if tokio::time::timeout(settings.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            "some requests were still in flight at the end of the drain time; closing their connections"
        );
    }
    // Dropping a request counts it.
    tasks.shutdown().await;
}

fn connection_future<A: Answer>(
    connection: TcpStream,
    answer: &Arc<A>,
    builder: &http1::Builder,
    graceful: &GracefulShutdown,
    settings: &ServerSettings,
) -> impl Future<Output = ()> + Send + 'static {
    // With Nagle's algorithm, small responses would wait for acknowledgements. A socket that refuses the option
    // still works.
    let _ = connection.set_nodelay(true);
    let answer = Arc::clone(answer);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move { Ok::<_, Infallible>(answer.answer(request).await) }
    });
    let io = TokioIo::new(MinRateStream::new(connection, settings.min_rate()));
    let connection = graceful.watch(builder.serve_connection(io, service));
    async move {
        // Clients disconnect all the time. What matters was already counted with the request.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended with an error");
        }
    }
}
