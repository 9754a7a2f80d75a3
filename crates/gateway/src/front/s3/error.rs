//! Errors as S3 clients see them: a status, a stable code and a message in an XML document.

use http::StatusCode;

use crate::failure::{Failure, FailureKind};
use crate::front::RequestFailure;

/// The error codes that the gateway returns, all from S3's own list. The variants are named as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the wire, and S3's documentation explains them")]
pub enum Code {
    AccessDenied,
    AccessForbidden,
    AuthorizationHeaderMalformed,
    AuthorizationQueryParametersError,
    BadDigest,
    EntityTooLarge,
    EntityTooSmall,
    ExpiredToken,
    IncompleteBody,
    InternalError,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidBucketName,
    InvalidDigest,
    InvalidObjectState,
    InvalidPart,
    InvalidPartNumber,
    InvalidPartOrder,
    InvalidPolicyDocument,
    InvalidRange,
    InvalidRequest,
    InvalidTag,
    InvalidToken,
    InvalidURI,
    KeyTooLongError,
    MalformedACLError,
    MalformedPOSTRequest,
    MalformedTrailerError,
    MalformedXML,
    MaxPostPreDataLengthExceeded,
    MetadataTooLarge,
    MethodNotAllowed,
    MissingContentLength,
    MissingSecurityHeader,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    NotImplemented,
    NotModified,
    OperationAborted,
    PreconditionFailed,
    RequestHeaderSectionTooLarge,
    RequestTimeTooSkewed,
    RequestTimeout,
    ServiceUnavailable,
    SignatureDoesNotMatch,
    SlowDown,
    XAmzContentChecksumMismatch,
    XAmzContentSHA256Mismatch,
}

impl Code {
    /// The code as written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::AccessForbidden => "AccessForbidden",
            Self::AuthorizationHeaderMalformed => "AuthorizationHeaderMalformed",
            Self::AuthorizationQueryParametersError => "AuthorizationQueryParametersError",
            Self::BadDigest => "BadDigest",
            Self::EntityTooLarge => "EntityTooLarge",
            Self::EntityTooSmall => "EntityTooSmall",
            Self::ExpiredToken => "ExpiredToken",
            Self::IncompleteBody => "IncompleteBody",
            Self::InternalError => "InternalError",
            Self::InvalidAccessKeyId => "InvalidAccessKeyId",
            Self::InvalidArgument => "InvalidArgument",
            Self::InvalidBucketName => "InvalidBucketName",
            Self::InvalidDigest => "InvalidDigest",
            Self::InvalidObjectState => "InvalidObjectState",
            Self::InvalidPart => "InvalidPart",
            Self::InvalidPartNumber => "InvalidPartNumber",
            Self::InvalidPartOrder => "InvalidPartOrder",
            Self::InvalidPolicyDocument => "InvalidPolicyDocument",
            Self::InvalidRange => "InvalidRange",
            Self::InvalidRequest => "InvalidRequest",
            Self::InvalidTag => "InvalidTag",
            Self::InvalidToken => "InvalidToken",
            Self::InvalidURI => "InvalidURI",
            Self::KeyTooLongError => "KeyTooLongError",
            Self::MalformedACLError => "MalformedACLError",
            Self::MalformedPOSTRequest => "MalformedPOSTRequest",
            Self::MalformedTrailerError => "MalformedTrailerError",
            Self::MalformedXML => "MalformedXML",
            Self::MaxPostPreDataLengthExceeded => "MaxPostPreDataLengthExceeded",
            Self::MetadataTooLarge => "MetadataTooLarge",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::MissingContentLength => "MissingContentLength",
            Self::MissingSecurityHeader => "MissingSecurityHeader",
            Self::NoSuchBucket => "NoSuchBucket",
            Self::NoSuchKey => "NoSuchKey",
            Self::NoSuchUpload => "NoSuchUpload",
            Self::NoSuchVersion => "NoSuchVersion",
            Self::NotImplemented => "NotImplemented",
            Self::NotModified => "NotModified",
            Self::OperationAborted => "OperationAborted",
            Self::PreconditionFailed => "PreconditionFailed",
            Self::RequestHeaderSectionTooLarge => "RequestHeaderSectionTooLarge",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::RequestTimeout => "RequestTimeout",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::SlowDown => "SlowDown",
            Self::XAmzContentChecksumMismatch => "XAmzContentChecksumMismatch",
            Self::XAmzContentSHA256Mismatch => "XAmzContentSHA256Mismatch",
        }
    }

    /// The HTTP status that S3 returns with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NotModified => StatusCode::NOT_MODIFIED,
            Self::AccessDenied
            | Self::AccessForbidden
            | Self::InvalidAccessKeyId
            | Self::InvalidObjectState
            | Self::RequestTimeTooSkewed
            | Self::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
            Self::NoSuchBucket | Self::NoSuchKey | Self::NoSuchUpload | Self::NoSuchVersion => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::OperationAborted => StatusCode::CONFLICT,
            Self::MissingContentLength => StatusCode::LENGTH_REQUIRED,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::InvalidPartNumber | Self::InvalidRange => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::ServiceUnavailable | Self::SlowDown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A request that was refused or has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .code.as_str())]
pub struct S3Error {
    /// Stable, so clients can match on it.
    pub code: Code,
    /// What is wrong and what to do. Contains no secrets and no text from a provider.
    pub message: String,
    /// Seconds after which to retry, sent as `Retry-After`. Used with [`Code::SlowDown`] and
    /// [`Code::ServiceUnavailable`].
    pub retry_after: Option<u32>,
}

impl S3Error {
    /// An error without `Retry-After`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// `SlowDown`: the provider or the gateway is overloaded, and the client should retry after this many seconds.
    pub fn slow_down(seconds: u32, message: impl Into<String>) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(Code::SlowDown, message) }
    }

    /// The HTTP status of the response.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }
}

impl From<FailureKind> for Code {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Archived => Self::InvalidObjectState,
            FailureKind::BadDigest => Self::BadDigest,
            FailureKind::BadSignature => Self::SignatureDoesNotMatch,
            FailureKind::BucketNotFound => Self::NoSuchBucket,
            FailureKind::Conflict => Self::OperationAborted,
            FailureKind::Forbidden => Self::AccessDenied,
            FailureKind::HeadTooLarge => Self::RequestHeaderSectionTooLarge,
            FailureKind::IncompleteBody => Self::IncompleteBody,
            FailureKind::Internal => Self::InternalError,
            FailureKind::InvalidDigest => Self::InvalidDigest,
            FailureKind::InvalidPart => Self::InvalidPart,
            FailureKind::InvalidPartNumber => Self::InvalidPartNumber,
            FailureKind::InvalidPath => Self::InvalidURI,
            FailureKind::InvalidRange => Self::InvalidRange,
            FailureKind::InvalidRequest => Self::InvalidRequest,
            FailureKind::InvalidTag => Self::InvalidTag,
            FailureKind::InvalidValue => Self::InvalidArgument,
            FailureKind::KeyTooLong => Self::KeyTooLongError,
            FailureKind::MalformedForm => Self::MalformedPOSTRequest,
            FailureKind::MalformedTrailer => Self::MalformedTrailerError,
            FailureKind::MetadataTooLarge => Self::MetadataTooLarge,
            FailureKind::NotAllowed => Self::MethodNotAllowed,
            FailureKind::NotImplemented => Self::NotImplemented,
            FailureKind::NotModified => Self::NotModified,
            FailureKind::ObjectNotFound => Self::NoSuchKey,
            FailureKind::PartOrder => Self::InvalidPartOrder,
            FailureKind::PartTooSmall => Self::EntityTooSmall,
            FailureKind::PreconditionFailed => Self::PreconditionFailed,
            FailureKind::RequestTimeout => Self::RequestTimeout,
            FailureKind::SignedHashMismatch => Self::XAmzContentSHA256Mismatch,
            FailureKind::Throttled => Self::SlowDown,
            FailureKind::TooLarge => Self::EntityTooLarge,
            FailureKind::Unavailable => Self::ServiceUnavailable,
            FailureKind::UploadNotFound => Self::NoSuchUpload,
            FailureKind::VersionNotFound => Self::NoSuchVersion,
        }
    }
}

impl From<Failure> for S3Error {
    fn from(failure: Failure) -> Self {
        Self { code: failure.kind.into(), message: failure.message, retry_after: failure.retry_after }
    }
}

/// A request of an S3 client that failed.
pub type S3Failure = RequestFailure<S3Error>;

impl From<S3Error> for S3Failure {
    fn from(error: S3Error) -> Self {
        Self { error, fault: None, answered: false }
    }
}

/// The result of processing a request or a part of it.
pub type Result<T> = std::result::Result<T, S3Error>;
