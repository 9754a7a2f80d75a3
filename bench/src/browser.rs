//! A browser that has signed in to the dashboard: it reads pages, follows the stream of changes, and reads pages again.

use std::time::{Duration, Instant};

use bucketry_test_servers::bucketry::{OWNER_EMAIL, OWNER_PASSWORD};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, ETAG, HOST, IF_NONE_MATCH, SET_COOKIE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Result;

/// The shortest time between two reads of an open page, as in its script.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

/// A connection of a browser, which sends one request at a time with the same cookie.
pub(crate) struct Browser {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    cookie: HeaderValue,
}

/// A page that was read to its end.
pub(crate) struct PageAnswer {
    pub(crate) status: StatusCode,
    /// From the request's first byte to the response's last.
    pub(crate) took: Duration,
    tag: Option<HeaderValue>,
}

async fn connect(url: &str) -> Result<(SendRequest<Full<Bytes>>, HeaderValue)> {
    let address = url.strip_prefix("http://").ok_or("not an http URL")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, or when the server closes it; then the next request fails.
    tokio::spawn(connection);
    Ok((sender, HeaderValue::from_str(address)?))
}

/// Signs the owner in, and returns the session's cookie.
pub(crate) async fn sign_in(url: &str) -> Result<HeaderValue> {
    let (mut sender, host) = connect(url).await?;
    let form = format!("email={}&password={OWNER_PASSWORD}", OWNER_EMAIL.replace('@', "%40"));
    let request = Request::builder()
        .method(Method::POST)
        .uri("/ui/sign-in")
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(Full::new(Bytes::from(form)))?;
    let response = sender.send_request(request).await?;
    let all = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let own = all.filter(|text| text.contains("HttpOnly")).find_map(|text| text.split(';').next());
    let own = own.ok_or_else(|| format!("no session: the sign-in answered {}", response.status()))?;
    Ok(HeaderValue::from_str(own)?)
}

impl Browser {
    pub(crate) async fn open(url: &str, cookie: &HeaderValue) -> Result<Self> {
        let (sender, host) = connect(url).await?;
        Ok(Self { sender, host, cookie: cookie.clone() })
    }

    async fn send(&mut self, request: http::request::Builder) -> Result<http::Response<Incoming>> {
        let request = request.header(HOST, &self.host).header(COOKIE, &self.cookie);
        self.sender.ready().await?;
        Ok(self.sender.send_request(request.body(Full::default())?).await?)
    }

    /// Reads a whole page, which must exist.
    pub(crate) async fn page(&mut self, path: &str) -> Result<PageAnswer> {
        let read = self.read(Request::builder().uri(path)).await?;
        if read.status == StatusCode::OK {
            Ok(read)
        } else {
            Err(format!("{path} answered {}", read.status).into())
        }
    }

    /// Reads the main part of a page again, as the script of an open page does.
    async fn again(&mut self, path: &str, known: Option<&HeaderValue>) -> Result<PageAnswer> {
        let mut request = Request::builder().uri(path).header("bucketry-fragment", "main");
        if let Some(known) = known {
            request = request.header(IF_NONE_MATCH, known);
        }
        let read = self.read(request).await?;
        match read.status {
            StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(read),
            status => Err(format!("{path} answered {status}").into()),
        }
    }

    async fn read(&mut self, request: http::request::Builder) -> Result<PageAnswer> {
        let start = Instant::now();
        let mut response = self.send(request).await?;
        while let Some(frame) = response.frame().await {
            frame?;
        }
        let tag = response.headers().get(ETAG).cloned();
        Ok(PageAnswer { status: response.status(), took: start.elapsed(), tag })
    }
}

/// An open page: follows the stream, and reads the page again when something changes. Runs until it is dropped or fails.
/// `count` is called with each read.
pub(crate) async fn watch(url: String, cookie: HeaderValue, path: &str, count: impl Fn()) -> Result {
    let mut reader = Browser::open(&url, &cookie).await?;
    reader.page(path).await?;
    let mut known = None;
    loop {
        let mut follower = Browser::open(&url, &cookie).await?;
        let mut stream = follower.send(Request::builder().uri("/ui/live")).await?;
        if stream.status() != StatusCode::OK {
            return Err(format!("the stream answered {}", stream.status()).into());
        }
        while let Some(frame) = stream.frame().await {
            let is_change = frame?.data_ref().is_some_and(|data| data.starts_with(b"data:"));
            if !is_change {
                continue;
            }
            let read = reader.again(path, known.as_ref()).await?;
            known = read.tag;
            count();
            tokio::time::sleep(SHORTEST_PAUSE).await;
        }
    }
}
