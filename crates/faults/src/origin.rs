//! A healthy origin that answers at once, so that what is measured is the caller.

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

/// An S3 origin on which every bucket exists and is empty: any request gets 200 and no body, after it was counted.
#[derive(Debug)]
pub struct OriginStub {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

impl OriginStub {
    /// Starts on a free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&requests)));
        Ok(Self { address, requests, _connections: connections })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as an endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests have come.
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
            // A broken connection ends itself.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
