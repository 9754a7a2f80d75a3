//! Errors of calls, distinguished by what the caller can do about them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bucketry_api_types::error::WrongField;
use bucketry_model::diagnosis::Check;
use serde::Deserialize;
use serde_json::Value;

/// Why a call failed. No error contains a token or a secret.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL is not valid.
    #[error("{url:?} is not the URL of a server: {reason}")]
    InvalidUrl {
        /// The URL as given.
        url: String,
        /// What is wrong with the URL.
        reason: &'static str,
    },
    /// The file of certificates to trust can't be used.
    #[error("can't read certificates from {path}: {reason}", path = path.display())]
    Certificates {
        /// The file with the certificates.
        path: PathBuf,
        /// Why the file can't be used.
        reason: String,
    },
    /// The request can't be built from the given values.
    #[error("can't build the request: {0}")]
    Request(String),
    /// The server is unreachable, or closed the connection. The request may or may not have been carried out.
    #[error("can't reach {url}: {reason}")]
    Unreachable {
        /// Base URL of the server.
        url: String,
        /// The whole chain of causes.
        reason: String,
    },
    /// The server did not respond in time. The request may or may not have been carried out.
    #[error("{url} did not respond within {} s", after.as_secs_f32())]
    TimedOut {
        /// Base URL of the server.
        url: String,
        /// Time limit of the call.
        after: Duration,
    },
    /// The response is longer than this client accepts. Request less at a time.
    #[error("the response is longer than {limit} bytes")]
    TooLong {
        /// Longest accepted response, in bytes.
        limit: usize,
    },
    /// The response is not from this API, but from a proxy or another server.
    #[error("{url} answered with status {status}, but not with the JSON of this API: {reason}")]
    NotThisApi {
        /// Base URL of the server.
        url: String,
        /// HTTP status.
        status: u16,
        /// What is wrong with the response, without its text.
        reason: String,
    },
    /// The server refused the request, and says why.
    #[error("{0}")]
    Refused(Box<Refusal>),
}

impl ClientError {
    /// The HTTP status, if there was a response.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::NotThisApi { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The stable code, if the server refused the request.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.error_code.as_deref(),
            _ => None,
        }
    }
}

/// A refusal by the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable code, such as `NAME_ALREADY_USED`.
    pub error_code: Option<String>,
    /// One sentence for people.
    pub message: String,
    /// The wrong fields, if the server names them.
    pub fields: Vec<WrongField>,
    /// When to try again, if the server says so.
    pub retry_after: Option<Duration>,
    /// The whole response.
    pub body: Value,
}

impl Refusal {
    /// The checks of a failed validation.
    pub fn checks(&self) -> Vec<Check> {
        self.body.get("checks").and_then(|checks| Vec::deserialize(checks).ok()).unwrap_or_default()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(code) = &self.error_code {
            write!(f, " ({code})")?;
        }
        Ok(())
    }
}
