//! A server that does what Google documents where its emulator doesn't, for buckets with an HMAC key: decompressive
//! transcoding of objects that are stored as gzip ("Transcoding of gzip-compressed files", Cloud Storage).
//!
//! Enough of the XML API for objects. It doesn't check credentials, except that it refuses a signature of
//! `Accept-Encoding`, which Google's servers change before they verify it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A bucket at Google. It ends when it is dropped.
#[derive(Debug)]
pub struct GoogleStub {
    address: SocketAddr,
    objects: Arc<Mutex<Objects>>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Objects {
    stored: BTreeMap<String, GzipObject>,
    /// Requests that accepted gzip although they don't read an object.
    accepted_elsewhere: usize,
}

#[derive(Debug, Clone)]
struct GzipObject {
    content: Bytes,
    headers: Vec<(String, String)>,
    is_gzip: bool,
}

impl GoogleStub {
    /// What every object that is stored as gzip contains once it is decompressed.
    pub const UNPACKED: &'static str = "the content, decompressed on the way";

    /// Starts an empty bucket on a free port of `127.0.0.1`.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let objects = Arc::<Mutex<Objects>>::default();
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&objects)));
        Ok(Self { address, objects, _connections: connections })
    }

    /// The URL of the service, such as `http://127.0.0.1:40000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The number of requests that accepted gzip although they don't read an object. Their responses could be
    /// compressed.
    pub fn accepted_elsewhere(&self) -> usize {
        self.objects.lock().accepted_elsewhere
    }
}

async fn accept(listener: TcpListener, objects: Arc<Mutex<Objects>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let objects = Arc::clone(&objects);
        connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let objects = Arc::clone(&objects);
                async move {
                    let (head, body) = request.into_parts();
                    let body =
                        body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    Ok::<_, Infallible>(objects.lock().answer(&head, body))
                }
            });
            // An error ends only this connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Objects {
    fn answer(&mut self, head: &http::request::Parts, body: Bytes) -> Response<Full<Bytes>> {
        let text =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if signs(text("authorization"), "accept-encoding") {
            return error(403, "SignatureDoesNotMatch");
        }
        // The path is /bucket/name.
        let name = head.uri.path().splitn(3, '/').nth(2).unwrap_or_default().to_owned();
        let accepts_gzip = text("accept-encoding").contains("gzip");
        let reads = matches!(head.method, Method::GET | Method::HEAD) && !name.is_empty();
        if accepts_gzip && !reads {
            self.accepted_elsewhere += 1;
        }
        if name.is_empty() {
            let list = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
            return answer(200, &[], list.into());
        }
        match head.method {
            Method::PUT => {
                self.stored.insert(name, GzipObject::new(&head.headers, body));
                answer(200, &[("etag".to_owned(), "\"e\"".to_owned())], Bytes::new())
            }
            Method::DELETE => match self.stored.remove(&name) {
                Some(_) => answer(204, &[], Bytes::new()),
                None => error(404, "NoSuchKey"),
            },
            _ => match self.stored.get(&name) {
                Some(object) if object.is_gzip && !accepts_gzip => object.unpacked(),
                Some(object) => object.as_stored(head.method == Method::GET, text("range")),
                None => error(404, "NoSuchKey"),
            },
        }
    }
}

impl GzipObject {
    fn new(headers: &HeaderMap, content: Bytes) -> Self {
        let is_stored = |name: &str| {
            matches!(name, "content-type" | "content-encoding") || name.starts_with("x-amz-meta-")
        };
        let headers: Vec<(String, String)> = headers
            .iter()
            .filter(|(name, _)| is_stored(name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let is_gzip = headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip");
        Self { content, headers, is_gzip }
    }

    fn headers(&self) -> Vec<(String, String)> {
        let own = [("etag", "\"e\""), ("last-modified", "Fri, 01 May 2026 10:00:00 GMT")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.headers.iter().cloned().chain(own).collect()
    }

    /// Decompressed: without a length and coding, and whatever the range.
    fn unpacked(&self) -> Response<Full<Bytes>> {
        let mut headers = self.headers();
        headers.retain(|(name, _)| name != "content-encoding");
        headers.push(("warning".to_owned(), "214 UploadServer gunzipped".to_owned()));
        headers.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
        answer(200, &headers, GoogleStub::UNPACKED.into())
    }

    fn as_stored(&self, is_get: bool, range: &str) -> Response<Full<Bytes>> {
        let mut headers = self.headers();
        let size = self.content.len();
        let bounds = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).filter(|_| is_get);
        let bounds = bounds.and_then(|(first, last)| {
            let last = if last.is_empty() { size } else { last.parse::<usize>().ok()? + 1 };
            Some((first.parse::<usize>().ok()?, last.min(size)))
        });
        if let Some((first, end)) = bounds.filter(|(first, end)| first < end) {
            headers.push(("content-range".to_owned(), format!("bytes {first}-{}/{size}", end - 1)));
            return answer(206, &headers, self.content.slice(first..end));
        }
        // The response to a HEAD would lack the length otherwise.
        headers.push(("content-length".to_owned(), size.to_string()));
        answer(200, &headers, self.content.clone())
    }
}

fn signs(authorization: &str, header: &str) -> bool {
    let names = authorization.split("SignedHeaders=").nth(1).unwrap_or_default();
    names.split(',').next().unwrap_or_default().split(';').any(|name| name == header)
}

fn error(status: u16, code: &str) -> Response<Full<Bytes>> {
    answer(status, &[], format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>").into())
}

fn answer(status: u16, headers: &[(String, String)], body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status).header("x-guploader-uploadid", "1");
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Full::new(body)).unwrap_or_default()
}
