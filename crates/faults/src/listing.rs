//! An S3 bucket with any number of keys, which exist only in its list.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Keys per page.
const PAGE: u64 = 1_000;

/// What the bucket does beside listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListingFault {
    /// Nothing.
    #[default]
    None,
    /// Denies lists.
    Denied,
    /// Never reaches the end: the last page continues with the same token.
    Endless,
    /// Rejects tokens that it gave out before this fault was set.
    ExpiredTokens,
}

/// An S3 server whose buckets all have the keys `0000000/object`, `0000001/object` and so on: one prefix per key. The
/// size of an object is its number.
#[derive(Debug)]
pub struct ListingStub {
    address: SocketAddr,
    bucket: Arc<ListedBucketStub>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

#[derive(Debug)]
struct ListedBucketStub {
    keys: AtomicU64,
    lists: AtomicU64,
    /// Tokens contain the number of times that a fault was set.
    epoch: AtomicU64,
    fault: Mutex<ListingFault>,
}

impl ListingStub {
    /// Starts the server on a free port of `127.0.0.1`.
    pub async fn start(keys: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let bucket = Arc::new(ListedBucketStub {
            keys: AtomicU64::new(keys),
            lists: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            fault: Mutex::default(),
        });
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&bucket)));
        Ok(Self { address, bucket, _connections: connections })
    }

    /// The server's URL, such as `http://127.0.0.1:40000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many lists were requested so far.
    pub fn lists(&self) -> u64 {
        self.bucket.lists.load(Ordering::SeqCst)
    }

    /// Changes what the server does.
    pub fn set(&self, fault: ListingFault) {
        *self.bucket.fault.lock() = fault;
        self.bucket.epoch.fetch_add(1, Ordering::SeqCst);
    }
}

async fn accept(listener: TcpListener, bucket: Arc<ListedBucketStub>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let bucket = Arc::clone(&bucket);
        connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let answer = bucket.answer(&request);
                async { Ok::<_, Infallible>(answer) }
            });
            // An error ends only this connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl ListedBucketStub {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let query = request.uri().query().unwrap_or_default();
        let value = |name: &str| {
            query
                .split('&')
                .find_map(|one| one.split_once('=').filter(|(given, _)| *given == name))
                .map(|(_, value)| value)
        };
        if request.method() != Method::GET || value("list-type").is_none() {
            return Response::new(Full::default());
        }
        self.lists.fetch_add(1, Ordering::SeqCst);
        let fault = *self.fault.lock();
        let epoch = self.epoch.load(Ordering::SeqCst);
        if fault == ListingFault::Denied {
            return error(StatusCode::FORBIDDEN, "AccessDenied");
        }
        let mut first = 0;
        if let Some((given, number)) = value("continuation-token").and_then(|token| token.split_once('.')) {
            if fault == ListingFault::ExpiredTokens && given.parse() != Ok(epoch) {
                return error(StatusCode::BAD_REQUEST, "InvalidArgument");
            }
            first = number.parse().unwrap_or(0);
        } else if let Some(after) = value("start-after") {
            let number = after.get(..7).and_then(|number| number.parse().ok());
            first = number.map_or(0, |number: u64| number + 1);
        }
        Response::new(Full::from(self.page(first, epoch, fault)))
    }

    fn page(&self, first: u64, epoch: u64, fault: ListingFault) -> String {
        let keys = self.keys.load(Ordering::SeqCst);
        let most = keys_per_page(keys);
        let end = (first + most).min(keys);
        let mut page = String::from("<ListBucketResult>");
        for number in first..end {
            // Writing to a string can't fail.
            let _ = write!(
                page,
                "<Contents><Key>{number:07}/object</Key><Size>{number}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            );
        }
        let next = if end < keys { Some(end) } else { (fault == ListingFault::Endless).then_some(first) };
        if let Some(next) = next {
            let _ = write!(
                page,
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{epoch}.{next}</NextContinuationToken>"
            );
        }
        page.push_str("</ListBucketResult>");
        page
    }
}

/// Keys per page: small buckets have more than one page too.
fn keys_per_page(keys: u64) -> u64 {
    (keys / 10).clamp(1, PAGE)
}

fn error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let document = format!("<Error><Code>{code}</Code><Message>No.</Message></Error>");
    let mut response = Response::new(Full::from(document));
    *response.status_mut() = status;
    response
}
