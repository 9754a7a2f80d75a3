//! The errors of requests to providers.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::header::{ETAG, LAST_MODIFIED, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::dial::DialError;
use crate::policy::Refusal;
use crate::server_kind::ServerKind;
use crate::tls::TlsFailure;
use crate::token_service::TokenService;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The source of a request body failed, or its length differs from the announced one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceFailed {
    #[error("the source failed: {0}")]
    Failed(BoxError),
    #[error("the source ended before the announced length")]
    Short,
    #[error("the source continues past the announced length")]
    Long,
}

/// Why a request to a provider failed. No variant contains text that the provider sent, except the error code in
/// [`ErrorAnswer`], which is limited in length and to harmless characters.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The endpoint policy refuses the address. [`Refusal::hint`] says what the operator can change.
    #[error("this deployment's endpoint policy refuses {0}")]
    Blocked(Refusal),
    /// The host name has no address: the endpoint is mistyped or the node's name server fails.
    #[error("the endpoint's host name can't be resolved")]
    DnsFailed,
    /// Nothing listens at the endpoint's port.
    #[error("the endpoint refuses connections")]
    ConnectionRefused,
    /// The connection was not established in time. A retry may help.
    #[error("connecting to the endpoint timed out")]
    ConnectTimeout,
    /// The network has no route to the endpoint, or the connection attempt failed in another way.
    #[error("the endpoint can't be reached from this node")]
    Unreachable,
    /// The TLS handshake failed.
    #[error("{0}")]
    Tls(TlsFailure),
    /// The connection is established, but the provider didn't respond or didn't make progress in time. A retry may
    /// help. Whether the request took effect is unknown.
    #[error("the provider did not respond in time")]
    TimedOut,
    /// The provider closed the connection in the middle of a request or response. As with
    /// [`ProviderError::TimedOut`], whether the request took effect is unknown.
    #[error("the provider closed the connection unexpectedly")]
    BrokenOff,
    /// The caller's body failed, or its length differs from the announced one. The provider stored nothing.
    #[error("the request body could not be read to its end")]
    Source(#[source] BoxError),
    /// The request can't be expressed in the provider's protocol. The caller must change it. The text is a clause
    /// without a full stop.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The server isn't an object store of the expected type.
    #[error("the server at the endpoint does not speak the protocol of this storage type")]
    NotAnObjectStore {
        /// The HTTP status of the response, if it was HTTP.
        status: Option<StatusCode>,
    },
    /// The server is of another kind than the storage type says.
    #[error("{0}")]
    OtherServer(ServerKind),
    /// The provider returned an error.
    #[error("{0}")]
    Answer(Box<ErrorAnswer>),
    /// The token service failed or refused to issue a credential. The provider received no request.
    #[error("{}: {error}", service.name())]
    TokenService {
        /// Which token service.
        service: TokenService,
        /// What happened at the token service.
        error: Box<ProviderError>,
    },
}

/// The meaning of a provider's error response, the same for all providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The access key doesn't exist.
    KeyUnknown,
    /// The signature is wrong because the secret doesn't match the key.
    SecretWrong,
    /// The clocks of the node and the provider are too far apart.
    ClockSkew,
    /// A temporary credential has expired.
    TokenExpired,
    /// The storage account doesn't exist or is closed.
    AccountNotFound,
    /// The key lacks the permission.
    AccessDenied,
    /// The bucket doesn't exist.
    BucketNotFound,
    /// The object doesn't exist.
    ObjectNotFound,
    /// The multipart upload doesn't exist (any more).
    UploadNotFound,
    /// The bucket or the object doesn't exist; the response to a HEAD doesn't say which.
    NotFound,
    /// The bucket is in another region. [`ErrorAnswer::region`] may contain the right one.
    WrongRegion,
    /// A condition of the request isn't met (412).
    PreconditionFailed,
    /// The object hasn't changed (304).
    NotModified,
    /// The range is outside the object (416).
    RangeNotSatisfiable,
    /// The content doesn't match its checksum.
    BadDigest,
    /// A concurrent request won (409); try again.
    Conflict,
    /// Too many requests; try again later.
    Throttled,
    /// The provider failed (5xx); try again later.
    Internal,
    /// The provider redirects to another address. Redirects are never followed.
    Redirected,
    /// The provider doesn't support the operation.
    Unsupported,
    /// The provider rejects the request as malformed (other 4xx).
    Invalid,
}

/// An error that a provider returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// What the error means.
    pub kind: ErrorKind,
    /// The provider's own code: 1 to 64 letters, digits, `.`, `_` and `-`. `None` if it sent none, or one with
    /// other characters.
    pub code: Option<Box<str>>,
    /// The region that the provider names as the right one, after a check of its form.
    pub region: Option<Box<str>>,
    /// How long the provider asks to wait before a retry; at most an hour.
    pub retry_after: Option<Duration>,
    /// Which state of the object hasn't changed. Only in responses with status 304.
    pub unmodified: Option<Unmodified>,
}

/// The state of an object that a conditional read found unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmodified {
    /// `ETag`.
    pub etag: Option<HeaderValue>,
    /// `Last-Modified`.
    pub last_modified: Option<HeaderValue>,
}

/// The limit on the size of error documents, which are usually a few hundred bytes long.
pub(crate) const MAX_ERROR_BYTES: usize = 64 * 1024;
/// The longest `Retry-After` that is used; a longer one counts as this.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

impl ErrorAnswer {
    pub(crate) fn new(
        status: StatusCode,
        kind: ErrorKind,
        code: Option<Box<str>>,
        headers: &HeaderMap,
    ) -> Self {
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
        let unmodified = (status == StatusCode::NOT_MODIFIED).then(|| Unmodified {
            etag: headers.get(ETAG).cloned(),
            last_modified: headers.get(LAST_MODIFIED).cloned(),
        });
        Self { status, kind, code, region: None, retry_after, unmodified }
    }
}

impl From<ErrorAnswer> for ProviderError {
    fn from(answer: ErrorAnswer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// Whether a text is valid as the code of an [`ErrorAnswer`].
pub(crate) fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a response with this status and without an error document can't be from an object store. Proxies in
/// front of object stores send 5xx and 429 with their own pages, so those statuses prove nothing.
pub(crate) fn is_foreign(status: StatusCode) -> bool {
    !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS && !status.is_redirection()
}

/// The error for a response that is no object store's.
pub(crate) fn of_page(status: StatusCode, headers: &HeaderMap, document: &[u8]) -> ProviderError {
    ServerKind::of_page(headers, document)
        .map_or(ProviderError::NotAnObjectStore { status: Some(status) }, ProviderError::OtherServer)
}

/// The meaning of a status if no error code says more.
pub(crate) fn kind_of_status(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::NOT_MODIFIED => ErrorKind::NotModified,
        status if status.is_redirection() => ErrorKind::Redirected,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::AccessDenied,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        StatusCode::PRECONDITION_FAILED => ErrorKind::PreconditionFailed,
        StatusCode::RANGE_NOT_SATISFIABLE => ErrorKind::RangeNotSatisfiable,
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Throttled,
        status if status.is_server_error() => ErrorKind::Internal,
        _ => ErrorKind::Invalid,
    }
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.kind {
            ErrorKind::KeyUnknown => "the provider does not know the access key",
            ErrorKind::SecretWrong => "the secret does not match the access key",
            ErrorKind::ClockSkew => "the clocks of this node and the provider are too far apart",
            ErrorKind::TokenExpired => "the credential has expired",
            ErrorKind::AccountNotFound => "the storage account does not exist or is closed",
            ErrorKind::AccessDenied => "the provider denies access",
            ErrorKind::BucketNotFound => "the bucket does not exist",
            ErrorKind::ObjectNotFound => "the object does not exist",
            ErrorKind::UploadNotFound => "the multipart upload does not exist",
            ErrorKind::NotFound => "the bucket or object does not exist",
            ErrorKind::WrongRegion => "the bucket is in another region",
            ErrorKind::PreconditionFailed => "a condition of the request is not met",
            ErrorKind::NotModified => "the object has not changed",
            ErrorKind::RangeNotSatisfiable => "the range is outside the object",
            ErrorKind::BadDigest => "the content does not match its checksum",
            ErrorKind::Conflict => "the request conflicts with another request",
            ErrorKind::Throttled => "the provider is throttling requests",
            ErrorKind::Internal => "the provider failed",
            ErrorKind::Redirected => "the provider redirects to another address, which is not followed",
            ErrorKind::Unsupported => "the provider does not support this operation",
            ErrorKind::Invalid => "the provider rejects the request",
        };
        write!(f, "{words} (HTTP status {})", self.status.as_u16())
    }
}

impl ProviderError {
    /// The meaning of the provider's error response. `None` if it sent none.
    pub fn kind(&self) -> Option<ErrorKind> {
        self.answer().map(|answer| answer.kind)
    }

    /// The error response of the provider or the token service. `None` if it sent none.
    pub fn answer(&self) -> Option<&ErrorAnswer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::TokenService { error, .. } => error.answer(),
            _ => None,
        }
    }

    /// A copy of the failure for another caller that waited for the same request.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Blocked(refusal) => Self::Blocked(*refusal),
            Self::DnsFailed => Self::DnsFailed,
            Self::ConnectionRefused => Self::ConnectionRefused,
            Self::ConnectTimeout => Self::ConnectTimeout,
            Self::Unreachable => Self::Unreachable,
            Self::Tls(failure) => Self::Tls(*failure),
            Self::TimedOut => Self::TimedOut,
            Self::BrokenOff => Self::BrokenOff,
            Self::Source(source) => Self::Source(source.to_string().into()),
            Self::InvalidRequest(why) => Self::InvalidRequest(why),
            Self::NotAnObjectStore { status } => Self::NotAnObjectStore { status: *status },
            Self::OtherServer(kind) => Self::OtherServer(*kind),
            Self::Answer(answer) => Self::Answer(answer.clone()),
            Self::TokenService { service, error } => {
                Self::TokenService { service: *service, error: Box::new(error.again()) }
            }
        }
    }

    /// Translates an error of the HTTP client by searching its chain of causes.
    pub(crate) fn from_client(error: &(dyn Error + 'static)) -> Self {
        let mut link = Some(error);
        while let Some(error) = link {
            if let Some(known) = Self::from_link(error) {
                return known;
            }
            link = error.source();
        }
        Self::BrokenOff
    }

    fn from_link(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(dial) = error.downcast_ref::<DialError>() {
            return Some((*dial).into());
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(Self::Tls(TlsFailure::of(tls)));
        }
        if let Some(source) = error.downcast_ref::<SourceFailed>() {
            return Some(Self::Source(source.to_string().into()));
        }
        if let Some(http) = error.downcast_ref::<hyper::Error>() {
            return http.is_parse().then_some(Self::NotAnObjectStore { status: None });
        }
        // `io::Error::source` skips the error that it wraps.
        let wrapped = error.downcast_ref::<std::io::Error>()?.get_ref()?;
        Self::from_link(wrapped)
    }
}

impl From<DialError> for ProviderError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Blocked(refusal) => Self::Blocked(refusal),
            DialError::DnsFailed => Self::DnsFailed,
            DialError::Refused => Self::ConnectionRefused,
            DialError::TimedOut => Self::ConnectTimeout,
            DialError::Unreachable => Self::Unreachable,
        }
    }
}
