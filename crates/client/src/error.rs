//! What can go wrong with a call, told by what the caller can do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bucketry_model::diagnosis::Check;
use serde::Deserialize;
use serde_json::Value;

/// An error of a call. None of them holds a token or a secret.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The base URL can't be used. Mend it.
    #[error("{url:?} is not the URL of a server: {reason}")]
    InvalidUrl {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Certificates to trust can't be read. Mend the file.
    #[error("can't read certificates from {path}: {reason}", path = path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was to be sent can't be written as a request.
    #[error("the request can't be written: {0}")]
    Request(String),
    /// The server can't be reached, or broke off. The request may or may not have been carried out.
    #[error("can't reach {url}: {reason}")]
    Unreachable {
        /// The server.
        url: String,
        /// Why, the whole chain of causes.
        reason: String,
    },
    /// The answer didn't come in time. The request may or may not have been carried out.
    #[error("{url} didn't answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// The server.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The answer is longer than this client takes. Ask for less at a time.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// How long it may be.
        limit: usize,
    },
    /// What answers doesn't speak this API: a proxy in between, or another server.
    #[error("{url} answered {status} with something that isn't this API's JSON: {reason}")]
    NotThisApi {
        /// The server.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What is wrong with the answer, without its text.
        reason: String,
    },
    /// The server refused. The refusal tells why.
    #[error("{0}")]
    Refused(Box<Refusal>),
}

impl ClientError {
    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::NotThisApi { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The stable code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => refusal.error_code.as_deref(),
            _ => None,
        }
    }
}

/// A field of the request that the server didn't accept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// The field's name in the request.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A refusal by the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code, such as `NAME_ALREADY_USED`.
    pub error_code: Option<String>,
    /// One sentence for a person.
    pub message: String,
    /// The fields that are wrong, where the server names them.
    pub fields: Vec<FieldError>,
    /// After how long to try again, where the server says so.
    pub retry_after: Option<Duration>,
    /// The whole answer.
    pub body: Value,
}

impl Refusal {
    /// The checks that a failed validation made.
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
