//! The storage behind the gateway and its peers: a process of its own that answers objects of a fixed content at
//! once, and takes any.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
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
use crate::gateway::load::continues;

/// The largest object.
pub(crate) const LARGEST: usize = 64 << 20;
/// One of 1 KiB and one of 64 MiB; what else, but for the huge one, is asked for doesn't exist.
pub(crate) const SMALL: (&str, usize) = ("small", 1 << 10);
pub(crate) const LARGE: (&str, usize) = ("large", LARGEST);
/// The content of the large one, over and over: 5 GiB.
pub(crate) const HUGE: &str = "huge";
pub(crate) const HUGE_PIECES: usize = 80;

/// An object's content: the same in every process.
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

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    connections: AtomicU64,
}

/// Runs until the process is ended. A second address tells everyone who connects how many requests and connections
/// have come.
pub(crate) async fn serve(ready_file: PathBuf) -> Result {
    let all = content(LARGEST);
    let counts = Arc::new(Counts::default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let told = TcpListener::bind("127.0.0.1:0").await?;
    tell(
        &ready_file,
        &json!({ "endpoint": format!("http://{}", listener.local_addr()?), "counts": told.local_addr()?.to_string() }),
    )?;
    let asked = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((mut asker, _)) = told.accept().await {
            let text = format!(
                "{} {}",
                asked.requests.load(Ordering::Relaxed),
                asked.connections.load(Ordering::Relaxed)
            );
            // Whoever went away before the answer isn't interested.
            _ = asker.write_all(text.as_bytes()).await;
        }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        counts.connections.fetch_add(1, Ordering::Relaxed);
        let (all, counts) = (all.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, all.clone(), Arc::clone(&counts)));
            // A peer that hangs up ends its connection, and nothing else.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    all: Bytes,
    counts: Arc<Counts>,
) -> std::result::Result<Response<Repeated>, Infallible> {
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let (head, mut body) = request.into_parts();
    let mut at = 0;
    let mut is_known = true;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(piece) = frame.data_ref() else { continue };
        is_known = is_known && continues(&all, at, piece);
        at += piece.len();
    }
    let name = head.uri.path().rsplit('/').next().unwrap_or_default();
    let size = [SMALL, LARGE].into_iter().find(|(known, _)| *known == name).map(|(_, size)| size);
    let builder = Response::builder()
        .header(header::ETAG, "\"d41d8cd98f00b204e9800998ecf8427e\"")
        .header(header::LAST_MODIFIED, "Thu, 01 Jan 2026 00:00:00 GMT")
        .header(header::CONTENT_TYPE, "application/octet-stream");
    let query = head.uri.query().unwrap_or_default();
    let (status, content) = match (&head.method, size) {
        (&Method::GET, None) if name == HUGE => {
            let content = Repeated { piece: all, left: HUGE_PIECES };
            return Ok(builder.body(content).unwrap_or_default());
        }
        (&Method::POST, _) if query.starts_with("uploads") => (StatusCode::OK, Bytes::from_static(UPLOAD)),
        (&Method::POST, _) if query.starts_with("uploadId") => {
            (StatusCode::OK, Bytes::from_static(COMPLETED))
        }
        (&Method::PUT, _) if !is_known => (StatusCode::BAD_REQUEST, Bytes::new()),
        (&Method::GET, Some(size)) => (StatusCode::OK, all.slice(..size)),
        (&Method::GET, None) if query.contains("list-type") => (StatusCode::OK, Bytes::from_static(LIST)),
        // The bucket itself.
        (&Method::HEAD, None) if head.uri.path().matches('/').count() < 2 || name.is_empty() => {
            (StatusCode::OK, Bytes::new())
        }
        (&Method::HEAD, Some(size)) => {
            let answer = builder.header(header::CONTENT_LENGTH, size).body(Repeated::default());
            return Ok(answer.unwrap_or_default());
        }
        (&Method::PUT | &Method::POST, _) => (StatusCode::OK, Bytes::new()),
        (&Method::DELETE, _) => (StatusCode::NO_CONTENT, Bytes::new()),
        _ => (StatusCode::NOT_FOUND, Bytes::new()),
    };
    Ok(builder.status(status).body(Repeated { piece: content, left: 1 }).unwrap_or_default())
}

const LIST: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult \
xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>measured</Name><IsTruncated>false</IsTruncated>\
<KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys></ListBucketResult>";

const UPLOAD: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><InitiateMultipartUploadResult \
xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>measured</Bucket><Key>k</Key>\
<UploadId>upload</UploadId></InitiateMultipartUploadResult>";

const COMPLETED: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><CompleteMultipartUploadResult \
xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>measured</Bucket><Key>k</Key>\
<ETag>\"d41d8cd98f00b204e9800998ecf8427e-80\"</ETag></CompleteMultipartUploadResult>";

/// The same bytes a number of times.
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
            endpoint: companion.told("endpoint")?,
            counts: companion.told("counts")?,
            _companion: companion,
        })
    }

    /// How many requests, and how many connections, have come.
    pub(crate) async fn counts(&self) -> Result<(u64, u64)> {
        let mut text = String::new();
        TcpStream::connect(&self.counts).await?.read_to_string(&mut text).await?;
        let (requests, connections) = text.split_once(' ').ok_or("no counts")?;
        Ok((requests.parse()?, connections.parse()?))
    }
}
