//! Translates a provider's failure for the client.
//!
//! A client must never mistake a problem with the bucket's credential at the provider for a problem with its own
//! key. Such problems are `ServiceUnavailable` with a message that says so. Only when the provider denies a single
//! action is the error `AccessDenied`, because trying again can't help; the message names the provider's
//! permission. Messages for the person who registered the bucket are in the `finding` module of `provider`.

use bucketry_provider::driver::Permissions;
use bucketry_provider::error::{ErrorAnswer, ErrorKind, ProviderError};

use crate::error::{Code, S3Error};

/// Seconds after which to retry if the provider doesn't specify it.
const RETRY_AFTER: u32 = 1;

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// The error that the client gets.
    pub error: S3Error,
    /// How the provider caused the failure. `None` if the client caused it.
    pub fault: Option<Fault>,
    /// Whether the provider was contacted and answered, with whatever status.
    pub answered: bool,
    /// The change of the stored size in bytes despite the failure, as far as it is known.
    pub size_change: i64,
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

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self { error, fault: None, answered: false, size_change: 0 }
    }
}

impl Failure {
    fn blamed(fault: Fault, error: S3Error) -> Self {
        Self { fault: Some(fault), ..Self::from(error) }
    }

    /// Translates a provider's error. `permissions` are the names of the permissions that the credential may lack.
    pub fn of(error: &ProviderError, permissions: &Permissions) -> Self {
        match error {
            ProviderError::Blocked(_) | ProviderError::Tls(_) | ProviderError::NotAnObjectStore { .. } => {
                misconfigured(&format!("{error}."))
            }
            ProviderError::DnsFailed
            | ProviderError::ConnectionRefused
            | ProviderError::ConnectTimeout
            | ProviderError::Unreachable
            | ProviderError::BrokenOff => {
                let sentence = format!("The bucket's provider can't be reached: {error}. Try again.");
                let unavailable = S3Error {
                    retry_after: Some(RETRY_AFTER),
                    ..S3Error::new(Code::ServiceUnavailable, sentence)
                };
                Self::blamed(Fault::Unreachable, unavailable)
            }
            ProviderError::TimedOut => Self::blamed(
                Fault::Unreachable,
                S3Error::slow_down(RETRY_AFTER, "The bucket's provider did not answer in time. Try again."),
            ),
            ProviderError::Source(_) => {
                S3Error::new(Code::IncompleteBody, "The body ended before its declared length.").into()
            }
            ProviderError::InvalidRequest(why) => {
                S3Error::new(Code::InvalidRequest, format!("The bucket's provider can't do this: {why}."))
                    .into()
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
        let refused = |code, sentence: &str| Self::from(S3Error::new(code, sentence));
        match answer.kind {
            ErrorKind::KeyUnknown
            | ErrorKind::SecretWrong
            | ErrorKind::ClockSkew
            | ErrorKind::TokenExpired
            | ErrorKind::AccountNotFound
            | ErrorKind::WrongRegion
            | ErrorKind::Redirected => misconfigured(&format!("{answer}.")),
            ErrorKind::AccessDenied => Self::blamed(
                Fault::Misconfigured,
                S3Error::new(
                    Code::AccessDenied,
                    format!(
                        "Your key is fine: the bucket's provider denies this to the credential that Bucketry uses for \
                         the bucket. The credential needs {} to list, {} to read, {} to write and {} to delete.",
                        permissions.list, permissions.read, permissions.write, permissions.delete
                    ),
                ),
            ),
            ErrorKind::BucketNotFound => Self::blamed(
                Fault::Misconfigured,
                S3Error::new(
                    Code::NoSuchBucket,
                    "The bucket is registered in Bucketry but does not exist at its provider. Its owner must create it \
                     again or change the registration.",
                ),
            ),
            ErrorKind::ObjectNotFound if answer.code.as_deref() == Some("NoSuchVersion") => {
                refused(Code::NoSuchVersion, "The object has no such version.")
            }
            ErrorKind::ObjectNotFound | ErrorKind::NotFound => {
                refused(Code::NoSuchKey, "There is no object with this key.")
            }
            ErrorKind::UploadNotFound => refused(
                Code::NoSuchUpload,
                "There is no such multipart upload. It may have been completed or aborted.",
            ),
            ErrorKind::PreconditionFailed => {
                refused(Code::PreconditionFailed, "A condition of the request does not hold.")
            }
            ErrorKind::NotModified => refused(Code::NotModified, "The object has not changed."),
            ErrorKind::RangeNotSatisfiable => {
                refused(Code::InvalidRange, "The requested range is outside the object.")
            }
            ErrorKind::BadDigest => refused(Code::BadDigest, "The content does not match its checksum."),
            ErrorKind::Conflict => {
                refused(Code::OperationAborted, "Another request changed the object meanwhile. Try again.")
            }
            ErrorKind::Throttled => Self::blamed(
                Fault::Throttled,
                S3Error::slow_down(
                    retry_after(answer),
                    "The bucket's provider asks to slow down. Send fewer requests, or try again later.",
                ),
            ),
            ErrorKind::Internal => Self::blamed(
                Fault::Failed,
                S3Error {
                    retry_after: Some(retry_after(answer)),
                    ..S3Error::new(Code::ServiceUnavailable, "The bucket's provider failed. Try again.")
                },
            ),
            ErrorKind::Unsupported if answer.code.as_deref() == Some("MethodNotAllowed") => refused(
                Code::MethodNotAllowed,
                "The bucket's provider does not allow this for the object, which may be a delete marker.",
            ),
            ErrorKind::Unsupported => {
                refused(Code::NotImplemented, "The bucket's provider does not support this operation.")
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
    Failure::blamed(
        Fault::Misconfigured,
        S3Error { retry_after: Some(30), ..S3Error::new(Code::ServiceUnavailable, message) },
    )
}

/// Errors with a known code mean the same to the client. The provider's own text is not repeated.
fn of_invalid(answer: &ErrorAnswer) -> Failure {
    let (code, sentence) = match answer.code.as_deref() {
        Some("EntityTooSmall") => (Code::EntityTooSmall, "A part other than the last is too small."),
        Some("EntityTooLarge" | "RequestBodyTooLarge") => (Code::EntityTooLarge, "The object is too large."),
        Some("InvalidPart" | "InvalidBlockList" | "InvalidBlockId") => {
            (Code::InvalidPart, "A part does not exist, or its ETag does not match.")
        }
        Some("InvalidPartOrder") => (Code::InvalidPartOrder, "The parts must be in ascending order."),
        Some("KeyTooLongError") => (Code::KeyTooLongError, "The key is too long for the provider."),
        Some("MetadataTooLarge") => (Code::MetadataTooLarge, "The metadata is too large for the provider."),
        Some("InvalidDigest") => (Code::InvalidDigest, "A checksum is malformed."),
        Some("InvalidTag") => (Code::InvalidTag, "A tag is malformed, or there are too many."),
        Some("InvalidObjectState") => {
            (Code::InvalidObjectState, "The object is archived. Restore it at the bucket's provider.")
        }
        Some("InvalidArgument") => (Code::InvalidArgument, "The provider rejects a value of the request."),
        _ => (Code::InvalidRequest, "The bucket's provider rejects the request."),
    };
    S3Error::new(code, sentence).into()
}
