//! Accepts connections, serves each in its own task, and stops gracefully.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::MinRate;
use crate::accept::{Acceptor, ConnectionLimits};
use crate::graceful::{GracefulStop, StopWatcher};
use crate::min_rate_stream::MinRateStream;
use crate::tls::{Handshakes, ServerStream, ServerTls};

/// How a listener treats its clients.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// How many connections may be open.
    pub limits: ConnectionLimits,
    /// The lowest rate at which a client must read its responses.
    pub min_read_rate: MinRate,
    /// How long requests in flight may take once the listener is stopped.
    pub drain: Duration,
    /// How the listener speaks TLS; `None` for plain TCP.
    pub tls: Option<ServerTls>,
}

/// An accepted connection, which fails if its client reads too slowly.
pub type ClientStream = MinRateStream<ServerStream>;

/// Serves connections until `stop` resolves. Then it stops accepting, waits for requests in flight, cuts off those
/// that take longer than [`ListenerSettings::drain`], and returns when all have ended.
///
/// `serve` makes the future of a connection, after the handshake if the listener speaks TLS. It must pass the connection
/// to the [`StopWatcher`], which ends it after the request in flight once the listener is stopped.
///
/// Dropping the future closes the listener and all connections.
pub async fn serve_connections<F>(
    listener: TcpListener,
    settings: &ListenerSettings,
    stop: impl Future<Output = ()>,
    serve: impl Fn(ClientStream, SocketAddr, StopWatcher) -> F + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let graceful = GracefulStop::default();
    let serve = Arc::new(serve);
    let handshakes = settings.tls.as_ref().map(|tls| Handshakes::new(tls, settings.limits.total));
    let min_read_rate = settings.min_read_rate;
    let acceptor = Acceptor::new(listener, &settings.limits);
    let mut tasks = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            (connection, peer, permit) = acceptor.accept() => {
                // With Nagle's algorithm, small responses would wait for acknowledgements. A socket that refuses the
                // option still works.
                let _ = connection.set_nodelay(true);
                let watcher = graceful.watcher();
                let Some(handshakes) = handshakes.clone() else {
                    let connection = MinRateStream::new(ServerStream::Plain(connection), min_read_rate);
                    let served = serve(connection, peer, watcher);
                    tasks.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                    continue;
                };
                let serve = Arc::clone(&serve);
                tasks.spawn(async move {
                    if let Some((connection, watcher)) = greet(&handshakes, connection, peer, watcher).await {
                        serve(MinRateStream::new(connection, min_read_rate), peer, watcher).await;
                    }
                    drop(permit);
                });
            }
            // Frees the tasks that have ended.
            Some(_) = tasks.join_next() => {}
            () = &mut stop => break,
        }
    }
    drop(acceptor);
    if tokio::time::timeout(settings.drain, graceful.stop()).await.is_err() {
        tracing::warn!(
            "some requests were still in flight at the end of the drain time; closing their connections"
        );
    }
    tasks.shutdown().await;
}

/// Completes the handshake of a connection. `None` if that fails, or if the listener is stopped first.
async fn greet(
    handshakes: &Handshakes,
    connection: TcpStream,
    peer: SocketAddr,
    mut watcher: StopWatcher,
) -> Option<(ServerStream, StopWatcher)> {
    tokio::select! {
        greeted = handshakes.accept(connection) => match greeted {
            Ok(stream) => Some((stream, watcher)),
            Err(error) => {
                // Scanners, and clients that don't trust the certificate. The client knows the reason.
                tracing::debug!(%error, %peer, "a TLS handshake failed");
                None
            }
        },
        () = watcher.stopped() => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn connections_that_outlast_the_drain_time_are_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = ListenerSettings {
            limits: ConnectionLimits { total: 10, per_address: None, trusted_proxies: Vec::new() },
            min_read_rate: MinRate { window: Duration::from_secs(30), bytes: 1 },
            drain: Duration::ZERO,
            tls: None,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (accepted, mut peers) = tokio::sync::mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve_connections(listener, &settings, stopped, move |connection, peer, watcher| {
                accepted.send(peer).unwrap();
                async move {
                    let _in_flight = (connection, watcher);
                    std::future::pending::<()>().await;
                }
            })
            .await;
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_eq!(peers.recv().await, Some(client.local_addr().unwrap()));
        stop.send(()).unwrap();
        server.await.unwrap();
        assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)));
        assert!(TcpStream::connect(address).await.is_err());
    }
}
