//! What can go wrong between us and a provider.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::body::SourceFailed;
use crate::dial::DialError;
use crate::policy::Refusal;
use crate::tls::TlsFailure;
use crate::token::TokenService;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a request to a provider failed. No variant holds text that the provider sent, except the error code of
/// [`ErrorAnswer`], which is bounded and made of harmless characters.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The endpoint policy refuses the address. The operator can change the policy; see [`Refusal::hint`].
    #[error("the endpoint policy of this deployment refuses {0}")]
    Blocked(Refusal),
    /// The host name has no address. The endpoint is mistyped, or the node's name server fails.
    #[error("the host name of the endpoint can't be resolved")]
    DnsFailed,
    /// Nothing listens at the endpoint's port.
    #[error("nothing accepts connections at the endpoint")]
    ConnectionRefused,
    /// The endpoint didn't answer in time. Trying again later may help.
    #[error("no connection to the endpoint within the time allowed")]
    ConnectTimeout,
    /// No way leads to the endpoint from this node.
    #[error("the endpoint can't be reached from this node")]
    Unreachable,
    /// TLS could not be agreed on.
    #[error("{0}")]
    Tls(TlsFailure),
    /// The connection stands and the provider didn't go on within the time allowed. Trying again may help; whether
    /// the request took effect is unknown.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// The provider closed the connection in the middle of a request or an answer. As [`ProviderError::TimedOut`].
    #[error("the provider broke the connection off")]
    BrokenOff,
    /// The body that the caller gave failed, or had another length than announced. The provider stored nothing.
    #[error("the body of the request could not be read to its end")]
    Source(#[source] BoxError),
    /// The request can't be expressed in the provider's protocol. The caller must change it.
    #[error("the request can't be sent: {0}")]
    InvalidRequest(&'static str),
    /// What answers isn't an object store of the expected type.
    #[error("what answers at the endpoint does not speak the protocol of this storage type")]
    NotAnObjectStore {
        /// The HTTP status of the answer, if it was HTTP.
        status: Option<StatusCode>,
    },
    /// The provider answered with an error.
    #[error("{0}")]
    Answer(Box<ErrorAnswer>),
    /// The service that hands out the credential failed or refused; the provider was not asked.
    #[error("{}: {error}", service.name())]
    TokenService {
        /// Which service.
        service: TokenService,
        /// What happened there.
        error: Box<ProviderError>,
    },
}

/// What an error answer of a provider means, whatever the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The access key doesn't exist.
    KeyUnknown,
    /// The signature is wrong: the secret isn't the key's.
    SecretWrong,
    /// The clocks differ too much.
    ClockSkew,
    /// A temporary credential has expired.
    TokenExpired,
    /// The storage account doesn't exist or is closed.
    AccountNotFound,
    /// The key may not do this.
    AccessDenied,
    /// The bucket doesn't exist.
    BucketNotFound,
    /// The object doesn't exist.
    ObjectNotFound,
    /// The multipart upload doesn't exist (any more).
    UploadNotFound,
    /// Something doesn't exist, and a HEAD can't tell what.
    NotFound,
    /// The bucket lies in another region; [`ErrorAnswer::region`] may tell which.
    WrongRegion,
    /// A condition of the request doesn't hold (412).
    PreconditionFailed,
    /// The object hasn't changed (304).
    NotModified,
    /// The range lies outside of the object (416).
    RangeNotSatisfiable,
    /// What was sent doesn't match its checksum.
    BadDigest,
    /// Another request was faster (409); try again.
    Conflict,
    /// Too many requests; try again later.
    Throttled,
    /// The provider failed (5xx); try again later.
    Internal,
    /// The provider redirects elsewhere, which is never followed.
    Redirected,
    /// The provider doesn't offer this.
    Unsupported,
    /// The provider refuses the request as malformed (other 4xx).
    Invalid,
}

/// An error that a provider answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// What it means.
    pub kind: ErrorKind,
    /// The provider's own code, if it sent one made of letters, digits, `.`, `_` and `-`, at most 64 of them.
    pub code: Option<Box<str>>,
    /// The region that the provider names as the right one, checked to look like one.
    pub region: Option<Box<str>>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// Error documents are a few hundred bytes long.
pub(crate) const MAX_ERROR_BYTES: usize = 64 * 1024;
/// A provider may ask to wait for this long; more is as good as this.
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
        Self { status, kind, code, region: None, retry_after }
    }
}

impl From<ErrorAnswer> for ProviderError {
    fn from(answer: ErrorAnswer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// Whether a text can be the code of an [`ErrorAnswer`].
pub(crate) fn is_code(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a body that isn't an error document speaks against an object store: proxies in front of one answer 5xx
/// and 429 with pages of their own.
pub(crate) fn is_foreign(status: StatusCode) -> bool {
    !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS && !status.is_redirection()
}

/// What a status means where no code says more.
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
            ErrorKind::SecretWrong => "the secret does not belong to the access key",
            ErrorKind::ClockSkew => "the clocks of this node and of the provider differ too much",
            ErrorKind::TokenExpired => "the credential has expired",
            ErrorKind::AccountNotFound => "the storage account does not exist or is closed",
            ErrorKind::AccessDenied => "the provider denies access",
            ErrorKind::BucketNotFound => "the bucket does not exist",
            ErrorKind::ObjectNotFound => "the object does not exist",
            ErrorKind::UploadNotFound => "the multipart upload does not exist",
            ErrorKind::NotFound => "the provider has no such bucket or object",
            ErrorKind::WrongRegion => "the bucket lies in another region",
            ErrorKind::PreconditionFailed => "a condition of the request does not hold",
            ErrorKind::NotModified => "the object has not changed",
            ErrorKind::RangeNotSatisfiable => "the range lies outside of the object",
            ErrorKind::BadDigest => "the content does not match its checksum",
            ErrorKind::Conflict => "another request was faster",
            ErrorKind::Throttled => "the provider asks to slow down",
            ErrorKind::Internal => "the provider failed",
            ErrorKind::Redirected => "the provider redirects to another address, which is not followed",
            ErrorKind::Unsupported => "the provider does not offer this operation",
            ErrorKind::Invalid => "the provider refuses the request",
        };
        write!(f, "{words} (HTTP status {})", self.status.as_u16())
    }
}

impl ProviderError {
    /// What the provider's answer means, if it answered at all.
    pub fn kind(&self) -> Option<ErrorKind> {
        self.answer().map(|answer| answer.kind)
    }

    /// The provider's answer, if it sent one.
    pub fn answer(&self) -> Option<&ErrorAnswer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::TokenService { error, .. } => error.answer(),
            _ => None,
        }
    }

    /// The same failure for another caller who waited for it.
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
            Self::Answer(answer) => Self::Answer(answer.clone()),
            Self::TokenService { service, error } => {
                Self::TokenService { service: *service, error: Box::new(error.again()) }
            }
        }
    }

    /// Reads a failure of the HTTP client out of the chain of its causes.
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
