//! The storage behind the gateway and its peers: a separate process that returns objects of a fixed content
//! immediately and accepts any object. It lists its objects, for peers that check before they read and after they
//! wrote.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header, request};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;
use crate::baseline::{Companion, tell};
use crate::gateway::documents;
use crate::gateway::load::continues;
use crate::gateway::writes::{OWN_TIME, Object, WRITTEN_ETAG, Writes};

/// The largest object.
pub(crate) const LARGEST: usize = 64 << 20;
/// Objects of 1 KiB and 64 MiB. Apart from these and the huge one, no object exists.
pub(crate) const SMALL: (&str, usize) = ("small", 1 << 10);
pub(crate) const LARGE: (&str, usize) = ("large", LARGEST);
/// Both objects with their MD5 sums, with which peers verify what they read.
const FIXED: [(&str, Object); 2] = [
    (SMALL.0, fixed(SMALL.1, "\"0acba450ca93e6f0ebcdd51f505f98ed\"")),
    (LARGE.0, fixed(LARGE.1, "\"b43339edcca050997e17f9a03836fe78\"")),
];
/// An object of 5 GiB that repeats the content of the large one.
pub(crate) const HUGE: &str = "huge";
pub(crate) const HUGE_PIECES: usize = 80;

const fn fixed(size: usize, etag: &'static str) -> Object {
    Object { size, etag, own_time: None }
}

/// An object's content, the same in every process.
pub(crate) fn content(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    Bytes::from(bytes)
}

/// The state that all connections share.
#[derive(Debug)]
struct Storage {
    content: Bytes,
    writes: Writes,
    requests: AtomicU64,
    connections: AtomicU64,
}

/// Runs until the process is killed. A second address sends the number of requests and connections so far to every
/// connection.
pub(crate) async fn serve(ready_file: PathBuf) -> Result {
    let storage = Arc::new(Storage {
        content: content(LARGEST),
        writes: Writes::default(),
        requests: AtomicU64::default(),
        connections: AtomicU64::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let response = TcpListener::bind("127.0.0.1:0").await?;
    tell(
        &ready_file,
        &json!({ "endpoint": format!("http://{}", listener.local_addr()?), "counts": response.local_addr()?.to_string() }),
    )?;
    let asked = Arc::clone(&storage);
    tokio::spawn(async move {
        while let Ok((mut asker, _)) = response.accept().await {
            let text = format!(
                "{} {}",
                asked.requests.load(Ordering::Relaxed),
                asked.connections.load(Ordering::Relaxed)
            );
            // A client that has disconnected doesn't need the counts.
            _ = asker.write_all(text.as_bytes()).await;
        }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        storage.connections.fetch_add(1, Ordering::Relaxed);
        let storage = Arc::clone(&storage);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&storage)));
            // An error ends this connection only.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    storage: Arc<Storage>,
) -> std::result::Result<Response<Repeated>, Infallible> {
    storage.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let query = ObjectQuery::of(&head);
    let content_length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
    let begin = match query.part {
        Some(number) => {
            storage.writes.place_of_part(query.upload, number, content_length.unwrap_or_default())
        }
        None => 0,
    };
    let taken = take(body, &storage.content, begin).await;
    let answered = match head.method {
        Method::GET => storage.get(&head, &query),
        Method::HEAD => storage.head(&head),
        Method::PUT => storage.put(&head, &query, taken),
        Method::POST => storage.post(&head, &query),
        Method::DELETE => bare(StatusCode::NO_CONTENT),
        _ => bare(StatusCode::METHOD_NOT_ALLOWED),
    };
    Ok(answered)
}

/// The number of bytes received, if they are the expected content from some offset on.
async fn take(mut body: Incoming, content: &[u8], begin: usize) -> Option<usize> {
    let mut size = 0;
    let mut is_known = true;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(piece) = frame.data_ref() else { continue };
        is_known = is_known && continues(content, begin + size, piece);
        size += piece.len();
    }
    is_known.then_some(size)
}

/// The query parameters that the storage evaluates.
#[derive(Debug, Default)]
struct ObjectQuery<'a> {
    lists: bool,
    prefix: &'a str,
    begins: bool,
    upload: &'a str,
    part: Option<usize>,
}

impl<'a> ObjectQuery<'a> {
    fn of(head: &'a request::Parts) -> Self {
        let mut query = Self::default();
        for pair in head.uri.query().unwrap_or_default().split('&') {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("list-type", _) => query.lists = true,
                ("prefix", prefix) => query.prefix = prefix,
                ("uploads", _) => query.begins = true,
                ("uploadId", upload) => query.upload = upload,
                ("partNumber", number) => query.part = number.parse().ok(),
                _ => {}
            }
        }
        query
    }
}

/// The object's name; empty for a bucket or the storage itself.
fn object_name(head: &request::Parts) -> &str {
    let path = head.uri.path().trim_start_matches('/');
    path.split_once('/').map_or("", |(_, key)| key.rsplit('/').next().unwrap_or_default())
}

fn response() -> http::response::Builder {
    Response::builder().header(header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT")
}

fn bare(status: StatusCode) -> Response<Repeated> {
    response().status(status).header(header::ETAG, WRITTEN_ETAG).body(Repeated::default()).unwrap_or_default()
}

fn document(text: String) -> Response<Repeated> {
    let body = Repeated { piece: text.into(), left: 1 };
    response().header(header::CONTENT_TYPE, "application/xml").body(body).unwrap_or_default()
}

fn object(object: &Object) -> http::response::Builder {
    let described = response()
        .header(header::ETAG, object.etag)
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(header::CONTENT_LENGTH, object.size);
    match &object.own_time {
        Some(time) => described.header(OWN_TIME, time),
        None => described,
    }
}

impl Storage {
    fn find(&self, name: &str) -> Option<Object> {
        let fixed = FIXED.into_iter().find(|(known, _)| *known == name).map(|(_, object)| object);
        fixed.or_else(|| self.writes.object(name))
    }

    fn get(&self, head: &request::Parts, query: &ObjectQuery<'_>) -> Response<Repeated> {
        let name = object_name(head);
        if name == HUGE {
            let content = Repeated { piece: self.content.clone(), left: HUGE_PIECES };
            return object(&fixed(LARGEST * HUGE_PIECES, WRITTEN_ETAG)).body(content).unwrap_or_default();
        }
        if query.lists {
            let written = self.writes.objects();
            let written = written.iter().map(|(name, object)| (name.as_str(), object.clone()));
            let mut found: Vec<_> = FIXED.into_iter().chain(written).collect();
            found.retain(|(name, _)| name.starts_with(query.prefix));
            found.sort_by_key(|(name, _)| *name);
            return document(documents::objects(&found));
        }
        if head.uri.path() == "/" {
            return document(documents::buckets());
        }
        match FIXED.into_iter().find(|(known, _)| *known == name) {
            Some((_, found)) => {
                let content = Repeated { piece: self.content.slice(..found.size), left: 1 };
                object(&found).body(content).unwrap_or_default()
            }
            None => bare(StatusCode::NOT_FOUND),
        }
    }

    fn head(&self, head: &request::Parts) -> Response<Repeated> {
        match (object_name(head), self.find(object_name(head))) {
            (_, Some(found)) => object(&found).body(Repeated::default()).unwrap_or_default(),
            // A request for the bucket itself.
            ("", None) => bare(StatusCode::OK),
            _ => bare(StatusCode::NOT_FOUND),
        }
    }

    fn put(
        &self,
        head: &request::Parts,
        query: &ObjectQuery<'_>,
        taken: Option<usize>,
    ) -> Response<Repeated> {
        let Some(size) = taken else { return bare(StatusCode::BAD_REQUEST) };
        match query.part {
            Some(_) => self.writes.put_part(query.upload, size),
            None => self.writes.put(object_name(head), size, &head.headers),
        }
        bare(StatusCode::OK)
    }

    fn post(&self, head: &request::Parts, query: &ObjectQuery<'_>) -> Response<Repeated> {
        if query.begins {
            return document(documents::upload(&self.writes.begin(&head.headers)));
        }
        if !query.upload.is_empty() {
            self.writes.complete(object_name(head), query.upload);
            return document(documents::completed(WRITTEN_ETAG));
        }
        bare(StatusCode::OK)
    }
}

/// A body that repeats the same bytes a number of times.
#[derive(Debug, Default)]
struct Repeated {
    piece: Bytes,
    left: usize,
}

impl Body for Repeated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 || self.piece.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.piece.len() * self.left) as u64)
    }
}

/// The running storage.
pub(crate) struct Objects {
    _companion: Companion,
    pub(crate) endpoint: String,
    counts: String,
}

impl Objects {
    pub(crate) fn start() -> Result<Self> {
        let companion = Companion::start(&[Path::new("objects")])?;
        Ok(Self {
            endpoint: companion.response("endpoint")?,
            counts: companion.response("counts")?,
            _companion: companion,
        })
    }

    /// The numbers of requests and of connections so far.
    pub(crate) async fn counts(&self) -> Result<(u64, u64)> {
        let mut text = String::new();
        TcpStream::connect(&self.counts).await?.read_to_string(&mut text).await?;
        let (requests, connections) = text.split_once(' ').ok_or("no counts")?;
        Ok((requests.parse()?, connections.parse()?))
    }
}
