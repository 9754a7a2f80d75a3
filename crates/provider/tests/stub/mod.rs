//! A store with one object in this process that denies chosen operations, for protocols whose emulators check no
//! permissions.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bucketry_model::endpoint::Endpoint;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The operation that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Bucket,
    List,
    Write,
    Read,
    Delete,
}

/// How requests of one protocol are understood.
pub(crate) trait Protocol: Send + Sync + 'static {
    fn asked(&self, method: &Method, path: &str, query: &str) -> Asked;
    fn denied(&self) -> Response<Full<Bytes>>;
    fn granted(&self, asked: Asked, content: &Bytes) -> Response<Full<Bytes>>;
    /// The written content, extracted from the request body.
    fn content(&self, body: &Bytes) -> Bytes;
}

/// Serves at a free port while the test's runtime lives.
pub(crate) async fn serve(protocol: impl Protocol, denied: &'static [Asked]) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let protocol = Arc::new(protocol);
    let stored = Arc::new(Mutex::new(Bytes::new()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (protocol, stored) = (Arc::clone(&protocol), Arc::clone(&stored));
            let answer = service_fn(move |request: Request<Incoming>| {
                let (protocol, stored) = (Arc::clone(&protocol), Arc::clone(&stored));
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let asked =
                        protocol.asked(&head.method, head.uri.path(), head.uri.query().unwrap_or_default());
                    let response = if denied.contains(&asked) {
                        protocol.denied()
                    } else {
                        if asked == Asked::Write {
                            *stored.lock().unwrap() = protocol.content(&body);
                        }
                        let content = stored.lock().unwrap().clone();
                        protocol.granted(asked, &content)
                    };
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(async move {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Endpoint::parse(&format!("http://{address}")).unwrap()
}

/// A complete response.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into())).unwrap()
}
