//! One HTTP call on a new connection. Nothing is pooled, so a restarted server never receives an old connection.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{Error, Result};

/// Time limit of a call, longer than the server's slowest operation.
const PATIENCE: Duration = Duration::from_mins(1);

/// A builder for a call.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    origin: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    /// A call of `method` to `origin` (`http://HOST:PORT`) and `path`, which may include a query and is sent
    /// unchanged.
    pub fn new(method: Method, origin: &str, path: &str) -> Self {
        Self {
            method,
            origin: origin.trim_end_matches('/').to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header. Several headers with the same name are all sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Authorization: Bearer …`.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        let value = format!("Bearer {token}");
        self.header(header::AUTHORIZATION.as_str(), &value)
    }

    /// Sets a JSON body with its content type.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }

    /// Sets a body, which may be malformed, with this content type.
    #[must_use]
    pub fn raw(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE.as_str(), content_type)
    }

    /// Sends the call and reads the whole response. The connection is closed afterwards, or when the future is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if nothing listens, the connection breaks, or a minute passes.
    pub async fn send(self) -> Result<Answer> {
        let call = format!("{} {}{}", self.method, self.origin, self.path);
        let outcome = tokio::time::timeout(PATIENCE, self.exchange()).await;
        let reason = match outcome {
            Ok(Ok((status, headers, body))) => return Ok(Answer { call, status, headers, body }),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no response within {} s", PATIENCE.as_secs()),
        };
        Err(Error::NoAnswer { call, reason })
    }

    async fn exchange(
        self,
    ) -> std::result::Result<(u16, HeaderMap, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let authority = self.origin.strip_prefix("http://").ok_or("only http:// is supported")?;
        let mut request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header(header::HOST, authority)
            .header(header::CONNECTION, "close");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body))?;
        let stream = TcpStream::connect(authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok((parts.status.as_u16(), parts.headers, body))
        };
        tokio::pin!(connection, exchange);
        // An error of the connection also fails the exchange, whose error is more specific.
        let mut open = true;
        loop {
            tokio::select! {
                outcome = &mut exchange => return outcome,
                _ = &mut connection, if open => open = false,
            }
        }
    }
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Answer {
    call: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, as bytes.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::OtherAnswer`] if the body is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).map_err(|error| self.unlike(&format!("JSON ({error})")))
    }

    /// The body as JSON if the status is `status`.
    ///
    /// # Errors
    /// [`Error::OtherAnswer`] for another status or a body that is not JSON. Its text shows the body.
    pub fn json_with_status(&self, status: u16) -> Result<Value> {
        if self.status == status { self.json() } else { Err(self.unlike(&format!("status {status}"))) }
    }

    /// The body as text, with invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The error that this response is not the `expected` one.
    pub fn unlike(&self, expected: &str) -> Error {
        Error::OtherAnswer {
            call: self.call.clone(),
            expected: expected.to_owned(),
            status: self.status,
            body: self.text(),
        }
    }
}
