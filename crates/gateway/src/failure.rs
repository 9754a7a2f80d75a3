//! The failure of a request, as everything below the S3 front reports it, and what a provider's failure means for
//! the client.
//!
//! A client must never mistake a problem with the bucket's credential at the provider for a problem with its own
//! key. Such problems are `Unavailable` with a message that says so. Only when the provider denies a single action is
//! the failure `Forbidden`, because trying again can't help; the message names the provider's permission.
//! Messages for the person who registered the bucket are in the `finding` module of `provider`.

use bucketry_provider::driver::Permissions;
use bucketry_provider::error::{ErrorAnswer, ErrorKind, ProviderError};

/// Seconds after which to retry if the provider doesn't specify it.
const RETRY_AFTER: u32 = 1;

/// A request that failed. The protocol that the client speaks decides how the failure is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {message}")]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// What is wrong and what to do. Contains no secrets and no text from a provider.
    pub message: String,
    /// Seconds after which to retry.
    pub retry_after: Option<u32>,
    /// How the provider caused the failure. `None` if the client caused it.
    pub fault: Option<Fault>,
    /// Whether the provider was contacted and answered, with whatever status.
    pub answered: bool,
}

/// What went wrong, independently of any protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The object is archived and must be restored before it can be read.
    Archived,
    /// A hash or checksum that the client announced is not that of the content.
    BadDigest,
    /// A signature within the body doesn't match.
    BadSignature,
    /// The repository doesn't have the bucket, or the provider doesn't.
    BucketNotFound,
    /// Another request changed the object meanwhile.
    Conflict,
    /// The caller or the bucket's credential may not do this.
    Forbidden,
    /// The path and the headers are too long.
    HeadTooLarge,
    /// The body is shorter or longer than declared.
    IncompleteBody,
    /// The gateway itself failed.
    Internal,
    /// A checksum is malformed.
    InvalidDigest,
    /// A part doesn't exist or is not the one that the client named.
    InvalidPart,
    /// The object has no part with this number.
    InvalidPartNumber,
    /// A key or a part of one could lead a server outside of the folder.
    InvalidPath,
    /// The range is outside the object.
    InvalidRange,
    /// The request doesn't make sense, or the provider can't do it.
    InvalidRequest,
    /// A tag is malformed, or there are too many.
    InvalidTag,
    /// A value in the request is malformed or out of bounds.
    InvalidValue,
    /// The key is longer than the provider allows.
    KeyTooLong,
    /// The form around the content is malformed.
    MalformedForm,
    /// The headers after the body are malformed.
    MalformedTrailer,
    /// The metadata is larger than the provider allows.
    MetadataTooLarge,
    /// The operation is not possible for this object.
    NotAllowed,
    /// The gateway or the provider doesn't support this.
    NotImplemented,
    /// A conditional read found the object unchanged.
    NotModified,
    /// There is no object with the key.
    ObjectNotFound,
    /// The parts are not in ascending order.
    PartOrder,
    /// A part other than the last is too small.
    PartTooSmall,
    /// A condition of the request isn't met.
    PreconditionFailed,
    /// The body arrived too slowly.
    RequestTimeout,
    /// The content is not the one whose hash was signed.
    SignedHashMismatch,
    /// Too many requests, or too much work.
    Throttled,
    /// The content is larger than allowed.
    TooLarge,
    /// The gateway or the provider can't serve the request now.
    Unavailable,
    /// There is no multipart upload with the id.
    UploadNotFound,
    /// The object has no such version.
    VersionNotFound,
}

/// How a provider failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It can't be reached, doesn't answer in time, or closed the connection.
    Unreachable,
    /// It answered with a server error.
    Failed,
    /// It asks for fewer requests.
    Throttled,
    /// It rejects the credential, or the bucket's registration is wrong.
    Misconfigured,
}

impl Failure {
    /// A failure that the provider did not cause.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, fault: None, answered: false }
    }

    /// Something is unavailable, and the client should retry after this many seconds.
    pub fn unavailable(seconds: u32, message: impl Into<String>) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(FailureKind::Unavailable, message) }
    }

    /// The provider or the gateway is overloaded, and the client should retry after this many seconds.
    pub fn throttled(seconds: u32, message: impl Into<String>) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(FailureKind::Throttled, message) }
    }

    fn blamed(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// Translates a provider's error. `permissions` are the names of the permissions that the credential may lack.
    pub fn of(error: &ProviderError, permissions: &Permissions) -> Self {
        match error {
            ProviderError::Blocked(_)
            | ProviderError::Tls(_)
            | ProviderError::OtherServer(_)
            | ProviderError::NotAnObjectStore { .. } => misconfigured(&format!("{error}.")),
            ProviderError::DnsFailed
            | ProviderError::ConnectionRefused
            | ProviderError::ConnectTimeout
            | ProviderError::Unreachable
            | ProviderError::BrokenOff => {
                let sentence = format!("The bucket's provider can't be reached: {error}. Try again.");
                Self::unavailable(RETRY_AFTER, sentence).blamed(Fault::Unreachable)
            }
            ProviderError::TimedOut => {
                Self::throttled(RETRY_AFTER, "The bucket's provider did not answer in time. Try again.")
                    .blamed(Fault::Unreachable)
            }
            ProviderError::Source(_) => {
                Self::new(FailureKind::IncompleteBody, "The body ended before its declared length.")
            }
            ProviderError::InvalidRequest(why) => {
                Self::new(FailureKind::InvalidRequest, format!("The bucket's provider can't do this: {why}."))
            }
            ProviderError::Answer(answer) => Self { answered: true, ..Self::of_answer(answer, permissions) },
            // A token service that can't be reached is worth a retry. One that refuses rejects the bucket's
            // credential.
            ProviderError::TokenService { error: refusal, .. } => match Self::of(refusal, permissions) {
                Self { fault: None | Some(Fault::Misconfigured), .. } => misconfigured(&format!("{error}.")),
                passing => passing,
            },
        }
    }

    fn of_answer(answer: &ErrorAnswer, permissions: &Permissions) -> Self {
        let refused = |kind, sentence: &str| Self::new(kind, sentence);
        match answer.kind {
            ErrorKind::KeyUnknown
            | ErrorKind::SecretWrong
            | ErrorKind::ClockSkew
            | ErrorKind::TokenExpired
            | ErrorKind::AccountNotFound
            | ErrorKind::WrongRegion
            | ErrorKind::Redirected => misconfigured(&format!("{answer}.")),
            ErrorKind::AccessDenied => {
                let message = format!(
                    "Your key is fine: the bucket's provider denies this to the credential that Bucketry uses for \
                     the bucket. The credential needs {} to list, {} to read, {} to write and {} to delete.",
                    permissions.list, permissions.read, permissions.write, permissions.delete
                );
                Self::new(FailureKind::Forbidden, message).blamed(Fault::Misconfigured)
            }
            ErrorKind::BucketNotFound => {
                let message = "The bucket is registered in Bucketry but does not exist at its provider. Its owner must \
                               create it again or change the registration.";
                Self::new(FailureKind::BucketNotFound, message).blamed(Fault::Misconfigured)
            }
            ErrorKind::ObjectNotFound if answer.code.as_deref() == Some("NoSuchVersion") => {
                refused(FailureKind::VersionNotFound, "The object has no such version.")
            }
            ErrorKind::ObjectNotFound | ErrorKind::NotFound => {
                refused(FailureKind::ObjectNotFound, "There is no object with this key.")
            }
            ErrorKind::UploadNotFound => refused(
                FailureKind::UploadNotFound,
                "There is no such multipart upload. It may have been completed or aborted.",
            ),
            ErrorKind::PreconditionFailed => {
                refused(FailureKind::PreconditionFailed, "A condition of the request does not hold.")
            }
            ErrorKind::NotModified => refused(FailureKind::NotModified, "The object has not changed."),
            ErrorKind::RangeNotSatisfiable if answer.code.as_deref() == Some("InvalidPartNumber") => {
                refused(FailureKind::InvalidPartNumber, "The object has no part with this partNumber.")
            }
            ErrorKind::RangeNotSatisfiable => {
                refused(FailureKind::InvalidRange, "The requested range is outside the object.")
            }
            ErrorKind::BadDigest => {
                refused(FailureKind::BadDigest, "The content does not match its checksum.")
            }
            ErrorKind::Conflict => {
                refused(FailureKind::Conflict, "Another request changed the object meanwhile. Try again.")
            }
            ErrorKind::Throttled => {
                let message =
                    "The bucket's provider asks to slow down. Send fewer requests, or try again later.";
                Self::throttled(retry_after(answer), message).blamed(Fault::Throttled)
            }
            ErrorKind::Internal => {
                Self::unavailable(retry_after(answer), "The bucket's provider failed. Try again.")
                    .blamed(Fault::Failed)
            }
            ErrorKind::Unsupported if answer.code.as_deref() == Some("MethodNotAllowed") => refused(
                FailureKind::NotAllowed,
                "The bucket's provider does not allow this for the object, which may be a delete marker.",
            ),
            ErrorKind::Unsupported => {
                refused(FailureKind::NotImplemented, "The bucket's provider does not support this operation.")
            }
            ErrorKind::Invalid => of_invalid(answer),
        }
    }
}

fn retry_after(answer: &ErrorAnswer) -> u32 {
    let asked = answer.retry_after.map(|wait| u32::try_from(wait.as_secs()).unwrap_or(u32::MAX));
    asked.unwrap_or(RETRY_AFTER).max(1)
}

fn misconfigured(sentence: &str) -> Failure {
    let mut message = String::from(
        "Your key is fine: Bucketry can't use the bucket as it is registered. The bucket's owner must fix this: ",
    );
    message.push_str(sentence);
    Failure::unavailable(30, message).blamed(Fault::Misconfigured)
}

/// Errors with a known code mean the same to the client. The provider's own text is not repeated.
fn of_invalid(answer: &ErrorAnswer) -> Failure {
    let (kind, sentence) = match answer.code.as_deref() {
        Some("EntityTooSmall") => (FailureKind::PartTooSmall, "A part other than the last is too small."),
        Some("EntityTooLarge" | "RequestBodyTooLarge") => (FailureKind::TooLarge, "The object is too large."),
        Some("InvalidPart" | "InvalidBlockList" | "InvalidBlockId") => {
            (FailureKind::InvalidPart, "A part does not exist, or its ETag does not match.")
        }
        Some("InvalidPartOrder") => (FailureKind::PartOrder, "The parts must be in ascending order."),
        Some("KeyTooLongError") => (FailureKind::KeyTooLong, "The key is too long for the provider."),
        Some("MetadataTooLarge") => {
            (FailureKind::MetadataTooLarge, "The metadata is too large for the provider.")
        }
        Some("InvalidDigest") => (FailureKind::InvalidDigest, "A checksum is malformed."),
        Some("InvalidTag") => (
            FailureKind::InvalidTag,
            "A tag is malformed or contains a character that the provider doesn't allow, or there are too many, or they \
             are too long together.",
        ),
        Some("InvalidObjectState") => {
            (FailureKind::Archived, "The object is archived. Restore it at the bucket's provider.")
        }
        Some("InvalidArgument") => {
            (FailureKind::InvalidValue, "The provider rejects a value of the request.")
        }
        _ => (FailureKind::InvalidRequest, "The bucket's provider rejects the request."),
    };
    Failure::new(kind, sentence)
}
