//! What the stand-ins for providers share: serving requests from memory, and the parts of URLs.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Responds to a request, whose body was read to its end.
pub(crate) trait Responder: Send + Sync + 'static {
    fn respond(&self, head: &Parts, body: Bytes) -> Response<Full<Bytes>>;
}

/// Serves all connections until it is dropped.
pub(crate) async fn accept(listener: TcpListener, responder: Arc<impl Responder>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let responder = Arc::clone(&responder);
        connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let responder = Arc::clone(&responder);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    Ok::<_, hyper::Error>(responder.respond(&head, body))
                }
            });
            // An error ends only this connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// The decoded value of a query parameter.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(given, _)| *given == name).map(|(_, value)| decode(value)).next()
}

/// Decodes `%XX`. Anything else stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
