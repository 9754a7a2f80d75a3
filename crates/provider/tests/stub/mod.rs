//! A store of one object in this process that refuses what it is told to refuse, for the protocols whose emulators
//! check no permissions.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]
#![expect(dead_code, reason = "each test crate speaks one of the protocols")]

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

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Bucket,
    List,
    Write,
    Read,
    Delete,
}

/// How one protocol is spoken.
pub(crate) trait Protocol: Send + Sync + 'static {
    fn asked(&self, method: &Method, path: &str, query: &str) -> Asked;
    fn denied(&self) -> Response<Full<Bytes>>;
    fn granted(&self, asked: Asked, content: &Bytes) -> Response<Full<Bytes>>;
    /// What was written, taken out of the body of the request.
    fn content(&self, body: &Bytes) -> Bytes;
}

/// Serves at a free port, as long as the test's runtime lives.
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

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into())).unwrap()
}

/// Both APIs of Cloud Storage.
pub(crate) struct Google;

impl Protocol for Google {
    fn asked(&self, method: &Method, path: &str, _: &str) -> Asked {
        match (method.as_str(), path) {
            ("DELETE", _) => Asked::Delete,
            ("POST", path) if path.starts_with("/upload/") => Asked::Write,
            ("GET", path) if path.ends_with("/o") => Asked::List,
            ("GET", path) if path.starts_with("/storage/v1/b/") => Asked::Bucket,
            _ => Asked::Read,
        }
    }

    fn denied(&self) -> Response<Full<Bytes>> {
        let body = serde_json::json!({ "error": { "code": 403, "message": "text of the remote side",
            "errors": [{ "domain": "global", "reason": "forbidden" }] } });
        answer(403, &[("content-type", "application/json")], body.to_string())
    }

    fn granted(&self, asked: Asked, content: &Bytes) -> Response<Full<Bytes>> {
        match asked {
            Asked::Read => answer(200, &[("x-goog-generation", "1")], content.clone()),
            Asked::Delete => answer(204, &[], Bytes::new()),
            _ => {
                answer(200, &[("content-type", "application/json")], "{\"name\":\"x\",\"generation\":\"1\"}")
            }
        }
    }

    /// The second part of a `multipart/related` body.
    fn content(&self, body: &Bytes) -> Bytes {
        let text = String::from_utf8_lossy(body);
        let media = text.split("\r\n\r\n").nth(2).unwrap_or_default();
        Bytes::from(media.split("\r\n--").next().unwrap_or_default().to_owned())
    }
}

/// The Blob service.
pub(crate) struct Azure;

impl Protocol for Azure {
    fn asked(&self, method: &Method, _: &str, query: &str) -> Asked {
        match method.as_str() {
            "DELETE" => Asked::Delete,
            "PUT" => Asked::Write,
            "GET" if query.contains("comp=list") => Asked::List,
            _ if query.contains("restype=container") => Asked::Bucket,
            _ => Asked::Read,
        }
    }

    fn denied(&self) -> Response<Full<Bytes>> {
        let headers = [("x-ms-error-code", "AuthorizationPermissionMismatch"), ("x-ms-request-id", "0")];
        answer(403, &headers, Bytes::new())
    }

    fn granted(&self, asked: Asked, content: &Bytes) -> Response<Full<Bytes>> {
        let id = [("x-ms-request-id", "0"), ("etag", "\"0x1\"")];
        match asked {
            Asked::List => answer(200, &id, "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"),
            Asked::Write => answer(201, &id, Bytes::new()),
            Asked::Read => answer(200, &id, content.clone()),
            Asked::Delete => answer(202, &id, Bytes::new()),
            Asked::Bucket => answer(200, &id, Bytes::new()),
        }
    }

    fn content(&self, body: &Bytes) -> Bytes {
        body.clone()
    }
}
