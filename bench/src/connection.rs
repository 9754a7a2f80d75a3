//! A client's keep-alive connection.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Result;

/// A connection that sends one request at a time, each with the same token.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    body: Vec<u8>,
}

/// A response that was read to its end; [`Connection::body`] is its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// From the request's first byte to the response's last.
    pub(crate) took: Duration,
}

impl Connection {
    /// Connects to `http://ADDRESS`.
    pub(crate) async fn open(url: &str, token: Option<&str>) -> Result<Self> {
        let address = url.strip_prefix("http://").ok_or("not an http URL")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with its sender, or when the server closes it; then the next request fails.
        tokio::spawn(connection);
        let authorization =
            token.map(|token| HeaderValue::from_str(&format!("Bearer {token}"))).transpose()?;
        Ok(Self { sender, host: HeaderValue::from_str(address)?, authorization, body: Vec::new() })
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answered> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.host);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let content = match body {
            Some(value) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(value.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(content))?;
        self.sender.ready().await?;
        self.body.clear();
        let start = Instant::now();
        let mut response = self.sender.send_request(request).await?;
        while let Some(frame) = response.frame().await {
            if let Some(piece) = frame?.data_ref() {
                self.body.extend_from_slice(piece);
            }
        }
        Ok(Answered { status: response.status(), took: start.elapsed() })
    }

    /// The body of the last response.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Like [`Self::call`], for a response that must be 200 and JSON.
    pub(crate) async fn json(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let answered = self.call(method, path, body).await?;
        self.expect_ok(path, answered)?;
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// An error with the start of the body, unless the status is 200.
    pub(crate) fn expect_ok(&self, path: &str, answered: Answered) -> Result {
        if answered.status == StatusCode::OK {
            return Ok(());
        }
        let response = String::from_utf8_lossy(&self.body[..self.body.len().min(500)]).into_owned();
        Err(format!("{path} answered {}: {response}", answered.status).into())
    }
}
