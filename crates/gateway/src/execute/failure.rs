//! What a provider's failure means to the client.
//!
//! A client must never take the bucket's credential at the provider for its own key: what is wrong with the former is
//! `ServiceUnavailable` with a sentence that says so. Only the refusal of a single action is `AccessDenied`, because
//! trying again can't help; its sentence names the provider's permission.

use bucketry_provider::driver::Permissions;
use bucketry_provider::error::{ErrorAnswer, ErrorKind, ProviderError};

use crate::error::{Code, S3Error};

/// Seconds to wait where the provider doesn't say.
const RETRY_AFTER: u32 = 1;

/// A request that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// What the client is told.
    pub error: S3Error,
    /// What the provider has to do with it; `None` where it is the client's doing.
    pub fault: Option<Fault>,
    /// Whether the provider was asked and answered, whatever it said.
    pub answered: bool,
    /// By how many bytes the stored size changed all the same, as far as is known.
    pub size_change: i64,
}

/// How a provider failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It could not be reached, or fell silent or broke off.
    Unreachable,
    /// It answered that it failed.
    Failed,
    /// It asks to slow down.
    Throttled,
    /// It refuses the credential, or something about the registration is wrong.
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

    /// What an error of a provider means. `permissions` names what its credential may lack.
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
                S3Error::new(Code::IncompleteBody, "The body ended before the length that was announced.")
                    .into()
            }
            ProviderError::InvalidRequest(why) => {
                S3Error::new(Code::InvalidRequest, format!("The bucket's provider can't take this: {why}."))
                    .into()
            }
            ProviderError::Answer(answer) => Self { answered: true, ..Self::of_answer(answer, permissions) },
            // A service that can't be reached is tried again; one that refuses, refuses the bucket's credential.
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
                        "Your key is fine: it is the bucket's provider that denies this to the credential which \
                         Bucketry holds for the bucket. It needs {} to list, {} to read, {} to write, {} to delete.",
                        permissions.list, permissions.read, permissions.write, permissions.delete
                    ),
                ),
            ),
            ErrorKind::BucketNotFound => Self::blamed(
                Fault::Misconfigured,
                S3Error::new(
                    Code::NoSuchBucket,
                    "The bucket is registered in Bucketry, but does not exist at its provider (any more).",
                ),
            ),
            ErrorKind::ObjectNotFound if answer.code.as_deref() == Some("NoSuchVersion") => {
                refused(Code::NoSuchVersion, "The object has no such version.")
            }
            ErrorKind::ObjectNotFound | ErrorKind::NotFound => {
                refused(Code::NoSuchKey, "There is no object of that key.")
            }
            ErrorKind::UploadNotFound => refused(
                Code::NoSuchUpload,
                "There is no such multipart upload; it may have been completed or aborted.",
            ),
            ErrorKind::PreconditionFailed => {
                refused(Code::PreconditionFailed, "A condition of the request does not hold.")
            }
            ErrorKind::NotModified => refused(Code::NotModified, "The object has not changed."),
            ErrorKind::RangeNotSatisfiable => {
                refused(Code::InvalidRange, "The range lies outside of the object.")
            }
            ErrorKind::BadDigest => refused(Code::BadDigest, "The content does not match its checksum."),
            ErrorKind::Conflict => {
                refused(Code::OperationAborted, "Another request to the same object was faster. Try again.")
            }
            ErrorKind::Throttled => Self::blamed(
                Fault::Throttled,
                S3Error::slow_down(
                    retry_after(answer),
                    "The bucket's provider asks to slow down. Try again later.",
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
                "The bucket's provider does not allow this for the object, as it does not for a delete marker.",
            ),
            ErrorKind::Unsupported => {
                refused(Code::NotImplemented, "The bucket's provider does not offer this operation.")
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
        "Your key is fine: Bucketry can't use the bucket as it is registered, and its owner must look into it: ",
    );
    message.push_str(sentence);
    Failure::blamed(
        Fault::Misconfigured,
        S3Error { retry_after: Some(30), ..S3Error::new(Code::ServiceUnavailable, message) },
    )
}

/// Refusals that are known by their code mean the same to the client; the provider's words are not repeated.
fn of_invalid(answer: &ErrorAnswer) -> Failure {
    let (code, sentence) = match answer.code.as_deref() {
        Some("EntityTooSmall") => (Code::EntityTooSmall, "A part other than the last is too small."),
        Some("EntityTooLarge" | "RequestBodyTooLarge") => (Code::EntityTooLarge, "The object is too large."),
        Some("InvalidPart" | "InvalidBlockList" | "InvalidBlockId") => {
            (Code::InvalidPart, "A part does not exist, or its entity tag is another one.")
        }
        Some("InvalidPartOrder") => (Code::InvalidPartOrder, "The parts must come in rising order."),
        Some("KeyTooLongError") => (Code::KeyTooLongError, "The key is too long for the provider."),
        Some("MetadataTooLarge") => (Code::MetadataTooLarge, "The metadata is too large for the provider."),
        Some("InvalidDigest") => (Code::InvalidDigest, "A checksum is not well-formed."),
        Some("InvalidTag") => (Code::InvalidTag, "A tag is not well-formed, or there are too many."),
        Some("InvalidObjectState") => {
            (Code::InvalidObjectState, "The object is archived. It is restored at the bucket's provider.")
        }
        Some("InvalidArgument") => (Code::InvalidArgument, "The provider refuses a value of the request."),
        _ => (Code::InvalidRequest, "The bucket's provider refuses the request."),
    };
    S3Error::new(code, sentence).into()
}
