//! Recognises the kind of server that answered, by the shape of an error response and its `Server` header.

use std::fmt;

use http::HeaderMap;
use http::header::SERVER;
use serde_json::Value;

/// A kind of server that a bucket of the given type isn't on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// Speaks the protocol of S3.
    S3,
    /// Speaks the protocol of Azure Blob Storage.
    Azure,
    /// Speaks the JSON protocol of Google Cloud Storage.
    Google,
    /// The web console of MinIO, which listens at another port than the storage.
    MinioConsole,
    /// A web server or proxy with this name.
    Web(&'static str),
    /// A port that expects TLS, asked without it.
    ExpectsTls,
}

/// Names in `Server` headers, and how they are shown. What a server calls itself is never repeated.
const WEB_SERVERS: [(&str, &str); 9] = [
    ("nginx", "nginx"),
    ("openresty", "openresty"),
    ("apache", "Apache"),
    ("caddy", "Caddy"),
    ("microsoft-iis", "IIS"),
    ("cloudflare", "Cloudflare"),
    ("lighttpd", "lighttpd"),
    ("simplehttp", "Python"),
    ("werkzeug", "Werkzeug"),
];

/// Error codes of S3 that Azure doesn't have.
const S3_CODES: [&str; 10] = [
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidRequest",
    "MissingSecurityHeader",
    "NoSuchBucket",
    "NoSuchKey",
    "NotImplemented",
    "SignatureDoesNotMatch",
];

/// What nginx, Go's and Apache's servers answer at a TLS port to a request without TLS.
const WITHOUT_TLS: [&str; 3] = [
    "HTTP request was sent to HTTPS port",
    "HTTP request to an HTTPS server",
    "plain HTTP to an SSL-enabled",
];

impl ServerKind {
    /// The kind of store that answered. `None` if the response is that of no known one.
    pub(crate) fn of_store(headers: &HeaderMap, document: &[u8]) -> Option<Self> {
        let has = |names: &[&str]| names.iter().any(|name| headers.contains_key(*name));
        let server = server(headers);
        let is = |name: &str| server.starts_with(name);
        if is("minio console") {
            Some(Self::MinioConsole)
        } else if has(&["x-ms-request-id", "x-ms-error-code"]) || is("windows-azure") || is("azurite") {
            Some(Self::Azure)
        } else if has(&["x-guploader-uploadid"]) || is_google_json(document) {
            Some(Self::Google)
        } else if has(&["x-amz-request-id", "x-amz-id-2"]) || is("amazons3") || is("minio") || is("seaweedfs")
        {
            Some(Self::S3)
        } else {
            None
        }
    }

    /// Whether an error document without any header of a known store is one of S3, by a code that only S3 has.
    pub(crate) fn is_s3_code(code: &str) -> bool {
        S3_CODES.contains(&code)
    }

    /// The kind of a server that is no store. `None` if it is an unknown one.
    pub(crate) fn of_page(headers: &HeaderMap, document: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(document);
        if WITHOUT_TLS.iter().any(|words| text.contains(words)) {
            return Some(Self::ExpectsTls);
        }
        let server = server(headers);
        let known = WEB_SERVERS.iter().find(|(begin, _)| server.starts_with(begin));
        known.map(|(_, name)| Self::Web(name))
    }
}

fn server(headers: &HeaderMap) -> String {
    let value = headers.get(SERVER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.trim().to_ascii_lowercase()
}

/// Whether this is an error of Google's JSON API.
fn is_google_json(document: &[u8]) -> bool {
    document.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Value>(document).is_ok_and(|json| json["error"]["code"].is_u64())
}

impl fmt::Display for ServerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 => f.write_str("the server at the endpoint speaks the protocol of S3, not that of this storage type"),
            Self::Azure => f.write_str(
                "the server at the endpoint speaks the protocol of Azure Blob Storage, not that of this storage type",
            ),
            Self::Google => f.write_str(
                "the server at the endpoint speaks the protocol of Google Cloud Storage, not that of this storage type",
            ),
            Self::MinioConsole => f.write_str("the server at the endpoint is MinIO's web console, not its storage API"),
            Self::Web(name) => write!(f, "the server at the endpoint ({name}) answers as a web server, not as an object store"),
            Self::ExpectsTls => f.write_str("the endpoint's port expects https, and the endpoint says http"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn stores_are_recognised_by_headers_that_only_they_send() {
        for (name, value, kind) in [
            ("x-amz-request-id", "1", Some(ServerKind::S3)),
            ("server", "MinIO", Some(ServerKind::S3)),
            ("server", "MinIO Console", Some(ServerKind::MinioConsole)),
            ("server", "Windows-Azure-Blob/1.0", Some(ServerKind::Azure)),
            ("server", "Azurite-Blob/3.35.0", Some(ServerKind::Azure)),
            ("x-ms-error-code", "AuthenticationFailed", Some(ServerKind::Azure)),
            ("x-guploader-uploadid", "x", Some(ServerKind::Google)),
            ("server", "nginx/1.24.0", None),
            ("date", "today", None),
        ] {
            assert_eq!(ServerKind::of_store(&headers(&[(name, value)]), b""), kind, "{name}: {value}");
        }
        let json = br#"{"error":{"code":401,"message":"secret words","errors":[]}}"#;
        assert_eq!(ServerKind::of_store(&HeaderMap::new(), json), Some(ServerKind::Google));
        assert_eq!(ServerKind::of_store(&HeaderMap::new(), br#"{"error":"no"}"#), None);
    }

    #[test]
    fn a_port_that_expects_tls_says_so_in_its_own_words() {
        for page in [
            "<html>400 The plain HTTP request was sent to HTTPS port</html>",
            "Client sent an HTTP request to an HTTPS server.\n",
            "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
        ] {
            let server = headers(&[("server", "nginx")]);
            assert_eq!(ServerKind::of_page(&server, page.as_bytes()), Some(ServerKind::ExpectsTls));
        }
        let server = headers(&[("server", "Apache/2.4 (evil <b>)")]);
        let kind = ServerKind::of_page(&server, b"no").unwrap();
        assert_eq!(kind, ServerKind::Web("Apache"));
        assert!(!kind.to_string().contains("evil"));
    }
}
