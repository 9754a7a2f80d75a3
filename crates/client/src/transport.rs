//! The only module of this crate that opens connections.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ClientError, Refusal};
use crate::in_process::PipeConnector;

/// Limits and trust settings of a client.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time limit for opening a connection.
    pub connect_timeout: Duration,
    /// Time limit for a whole call, including reading the response.
    pub timeout: Duration,
    /// Longest accepted response, in bytes.
    pub max_answer_bytes: usize,
    /// PEM file of certificate authorities to trust, in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            max_answer_bytes: 64 << 20,
            ca_file: None,
        }
    }
}

/// A response with a successful status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// The header `x-next-cursor`: where the next page of a list that isn't JSON begins.
    pub(crate) next_cursor: Option<String>,
}

/// The kind of connections.
#[derive(Clone)]
enum Connections {
    Network(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    InProcess(Client<PipeConnector, Full<Bytes>>),
}

/// Connections to one server. Clones share them.
#[derive(Clone)]
pub(crate) struct Transport {
    connections: Connections,
    base: Uri,
    options: Options,
}

impl Transport {
    pub(crate) fn new(base_url: &str, options: Options) -> Result<Self, ClientError> {
        let base = parse_base_url(base_url)?;
        #[expect(clippy::disallowed_methods, reason = "the address comes from the operator, not from a user")]
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(base.scheme() == Some(&Scheme::HTTPS), options.ca_file.as_deref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let connections = Connections::Network(pool().build(connector));
        Ok(Self { connections, base, options })
    }

    /// Creates connections to a server in this process. The base URL is used in the `Host` header and in error
    /// messages.
    pub(crate) fn in_process(
        base_url: &str,
        connector: PipeConnector,
        options: Options,
    ) -> Result<Self, ClientError> {
        let base = parse_base_url(base_url)?;
        Ok(Self { connections: Connections::InProcess(pool().build(connector)), base, options })
    }

    /// The base URL of the server, for error messages.
    pub(crate) fn base_url(&self) -> String {
        self.base.to_string().trim_end_matches('/').to_owned()
    }

    /// Starts a request to a path below the base URL. `path` begins with a slash, may have a query, and is already
    /// percent-encoded.
    pub(crate) fn request(
        &self,
        method: http::Method,
        path: &str,
    ) -> Result<http::request::Builder, ClientError> {
        let wrong = |error: http::Error| ClientError::Request(error.to_string());
        let prefix = self.base.path().trim_end_matches('/');
        let path = PathAndQuery::try_from(format!("{prefix}{path}")).map_err(|error| wrong(error.into()))?;
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|error| wrong(error.into()))?;
        let agent = concat!("bucketry/", env!("CARGO_PKG_VERSION"));
        Ok(Request::builder().method(method).uri(uri).header(USER_AGENT, agent))
    }

    /// Sends a request and reads the whole response. An error status becomes an error.
    ///
    /// Dropping the future closes the connection. The server may have carried out the request nevertheless.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Option<Duration>,
    ) -> Result<Answer, ClientError> {
        let after = timeout.unwrap_or(self.options.timeout);
        let (status, headers, body) = tokio::time::timeout(after, self.exchange(request))
            .await
            .map_err(|_| ClientError::TimedOut { url: self.base_url(), after })??;
        if status.is_success() {
            let next_cursor = headers.get("x-next-cursor").and_then(|value| value.to_str().ok());
            Ok(Answer { status, body, next_cursor: next_cursor.map(str::to_owned) })
        } else {
            Err(self.refusal(status, &headers, &body))
        }
    }

    /// Parses the JSON of a response.
    pub(crate) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        let body: &[u8] = if answer.body.is_empty() { b"null" } else { &answer.body };
        serde_json::from_slice(body).map_err(|error| self.unreadable(answer, &error))
    }

    /// The error for a response whose JSON isn't the expected one.
    pub(crate) fn unreadable(&self, answer: &Answer, error: &serde_json::Error) -> ClientError {
        ClientError::NotThisApi {
            url: self.base_url(),
            status: answer.status.as_u16(),
            reason: error.to_string(),
        }
    }

    /// Sends a request with a complete URL, and reads the whole response.
    pub(crate) async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), ClientError> {
        let unreachable = |reason: String| ClientError::Unreachable { url: self.base_url(), reason };
        let answered = match &self.connections {
            Connections::Network(client) => client.request(request).await,
            Connections::InProcess(client) => client.request(request).await,
        };
        let response = answered.map_err(|error| unreachable(causes(&error)))?;
        let (head, body) = response.into_parts();
        let limit = self.options.max_answer_bytes;
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok((head.status, head.headers, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::TooLong { limit }),
            Err(error) => Err(unreachable(causes(error.as_ref()))),
        }
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ClientError {
        let is_json = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/json"));
        let not_this_api = |reason: &str| ClientError::NotThisApi {
            url: self.base_url(),
            status: status.as_u16(),
            reason: reason.to_owned(),
        };
        if status.is_redirection() {
            return not_this_api("it redirects; use the URL that it redirects to");
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            // This server, nginx and others say so to requests without TLS.
            let wants_tls = status == StatusCode::BAD_REQUEST
                && self.base.scheme() == Some(&Scheme::HTTP)
                && body.windows(5).any(|word| word == b"HTTPS");
            if wants_tls {
                return not_this_api("it expects TLS; use https:// in the URL");
            }
            return not_this_api("the error has no JSON body");
        };
        if !is_json || !body.is_object() {
            return not_this_api("the error is not a JSON object");
        }
        let text = |names: &[&str]| {
            names.iter().find_map(|name| body.get(name)).and_then(Value::as_str).map(str::to_owned)
        };
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let fields = body.get("fields").and_then(|fields| serde::Deserialize::deserialize(fields).ok());
        ClientError::Refused(Box::new(Refusal {
            status: status.as_u16(),
            error_code: text(&["error_code", "errorCode"]),
            message: text(&["message", "error_message", "errorMessage"])
                .unwrap_or_else(|| format!("the server answered {status}")),
            fields: fields.unwrap_or_default(),
            retry_after,
            body,
        }))
    }
}

fn pool() -> hyper_util::client::legacy::Builder {
    let mut pool = Client::builder(TokioExecutor::new());
    pool.pool_timer(TokioTimer::new()).timer(TokioTimer::new()).pool_idle_timeout(Duration::from_mins(1));
    pool
}

/// An error with its causes on one line. The outermost one alone ("client error (Connect)") is not helpful.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let response = error.to_string();
        if !text.contains(&response) {
            // Writing to a String can't fail.
            _ = write!(text, ": {response}");
        }
        cause = error.source();
    }
    text
}

fn parse_base_url(text: &str) -> Result<Uri, ClientError> {
    if text.contains('@') {
        // The URL is not repeated, because it may contain a password.
        let url = "https://…@…".to_owned();
        return Err(ClientError::InvalidUrl { url, reason: "it must not contain a user name or password" });
    }
    let wrong = |reason| ClientError::InvalidUrl { url: text.to_owned(), reason };
    let uri: Uri = text.trim().parse().map_err(|_| wrong("it can't be parsed"))?;
    if uri.scheme() != Some(&Scheme::HTTP) && uri.scheme() != Some(&Scheme::HTTPS) {
        return Err(wrong("it must begin with http:// or https://"));
    }
    if uri.query().is_some() {
        return Err(wrong("it must not have a query"));
    }
    Ok(uri)
}

fn tls_config(needed: bool, ca_file: Option<&Path>) -> Result<rustls::ClientConfig, ClientError> {
    let mut roots = rustls::RootCertStore::empty();
    // Loading the system's certificates takes a while, so it is only done if TLS is used.
    if needed {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if let Some(path) = ca_file {
        add_certificates(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Request(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn add_certificates(roots: &mut rustls::RootCertStore, path: &Path) -> Result<(), ClientError> {
    let wrong = |reason: String| ClientError::Certificates { path: path.to_owned(), reason };
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        found = true;
    }
    if found { Ok(()) } else { Err(wrong("it contains no certificate".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(url: &str) -> String {
        parse_base_url(url).unwrap_err().to_string()
    }

    #[test]
    fn base_urls_that_cannot_work_are_refused_with_the_reason() {
        for (url, response) in [
            ("", "can't be parsed"),
            ("localhost:8080", "must begin with http"),
            ("ftp://host", "must begin with http"),
            ("https://host/?a=b", "must not have a query"),
        ] {
            assert!(reason(url).contains(response), "{url}: {}", reason(url));
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_echoed() {
        let response = reason("https://admin:hunter2@host");
        assert!(response.contains("user name or password") && !response.contains("hunter2"), "{response}");
    }

    #[test]
    fn paths_are_put_below_the_path_of_the_base_url() {
        for (base, whole) in [
            ("http://host:1", "http://host:1/bucket?limit=1"),
            ("http://host:1/", "http://host:1/bucket?limit=1"),
            ("https://host/bucketry/", "https://host/bucketry/bucket?limit=1"),
        ] {
            let transport = Transport::new(base, Options::default()).unwrap();
            let request = transport.request(http::Method::GET, "/bucket?limit=1").unwrap().body(()).unwrap();
            assert_eq!(request.uri().to_string(), whole);
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let options = Options { ca_file: Some(file.path().to_owned()), ..Options::default() };
        let refused = Transport::new("https://host", options).map(|_| ());
        assert!(matches!(refused, Err(ClientError::Certificates { .. })));
    }
}
