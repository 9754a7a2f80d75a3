//! Connections within the process: the same requests and responses as over the network, over in-memory pipes. They
//! count against no limit, and requests have no client address.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tower::Service as _;

/// The capacity of a pipe, in bytes.
const PIPE: usize = 64 << 10;

/// Opens pipes to the router. Cheap to clone.
#[derive(Clone)]
pub struct InProcess {
    router: Router,
}

impl InProcess {
    /// Creates pipes to this router.
    pub fn new(router: Router) -> Self {
        Self { router }
    }

    /// Opens a pipe and serves requests on it until the other end is dropped. Must be called within a Tokio
    /// runtime.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE);
        let router = self.router.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut router = router.clone();
            let answer = router.call(request.map(Body::new));
            async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
        });
        tokio::spawn(async move {
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(server), service).await {
                tracing::debug!(%error, "a pipe ended early");
            }
        });
        client
    }
}
