//! A healthy origin that responds at once, so that a benchmark measures only the caller.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// An S3 origin on which every bucket exists and is empty. It counts every request and responds with 200 and no
/// body.
#[derive(Debug)]
pub struct OriginStub {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

impl OriginStub {
    /// Starts the origin on a free port of `127.0.0.1`.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&requests)));
        Ok(Self { address, requests, _connections: connections })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, such as `http://127.0.0.1:40000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have arrived so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, requests: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let requests = Arc::clone(&requests);
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let answer = service_fn(move |_: Request<Incoming>| {
                requests.fetch_add(1, Ordering::Relaxed);
                async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
            });
            // An error ends only this connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
