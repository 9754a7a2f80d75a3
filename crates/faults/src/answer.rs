//! Canned HTTP responses.

use std::fmt::Write as _;

/// A complete HTTP response. The connection is closed after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// A response without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// Adds a header. Headers may repeat.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body; `content-length` follows from it.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// An S3 error document with this code. `more` is XML that is inserted after the message.
    pub fn s3_error(status: u16, code: &str, more: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>text of the remote side</Message>{more}<RequestId>0</RequestId></Error>"
        );
        Self::new(status)
            .header("content-type", "application/xml")
            .header("x-amz-request-id", "0")
            .body(&body)
    }

    /// 503 `SlowDown` with `Retry-After`.
    pub fn slow_down(retry_after_seconds: u32) -> Self {
        Self::s3_error(503, "SlowDown", "").header("retry-after", &retry_after_seconds.to_string())
    }

    /// 429 with `Retry-After` and a plain text body, as proxies in front of object stores send it.
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        Self::new(429).header("retry-after", &retry_after_seconds.to_string()).body("slow down")
    }

    /// 200 with the HTML page of a web server that is no object store.
    pub fn html_page() -> Self {
        Self::new(200)
            .header("content-type", "text/html")
            .body("<!DOCTYPE html><html><body>It works!</body></html>")
    }

    /// 403 `RequestTimeTooSkewed`.
    pub fn clock_skew() -> Self {
        Self::s3_error(403, "RequestTimeTooSkewed", "")
    }

    /// 307 to another address, without naming a region.
    pub fn redirect_to(location: &str) -> Self {
        Self::new(307).header("location", location)
    }

    /// 500 `InternalError`.
    pub fn internal_error() -> Self {
        Self::s3_error(500, "InternalError", "")
    }

    /// 400 `AuthorizationHeaderMalformed` that names the right region.
    pub fn wrong_region(right: &str) -> Self {
        let more = format!("<Region>{right}</Region>");
        Self::s3_error(400, "AuthorizationHeaderMalformed", &more).header("x-amz-bucket-region", right)
    }

    /// The bytes on the wire. The response to a HEAD has the length of the body, but no body.
    pub(crate) fn bytes(&self, head_only: bool) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} X\r\n", self.status);
        for (name, value) in &self.headers {
            // Writing to a string can't fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "content-length: {}\r\nconnection: close\r\n\r\n", self.body.len());
        if !head_only {
            text.push_str(&self.body);
        }
        text.into_bytes()
    }
}
