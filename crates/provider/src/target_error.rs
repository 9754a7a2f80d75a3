//! What can be wrong with what was entered for a bucket, whatever its provider.

use bucketry_model::bucket::InvalidBucketName;
use bucketry_model::diagnosis::{CheckCode, CheckName};

/// Why a bucket of any provider can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The bucket's name is malformed.
    #[error("the bucket's name {0}")]
    InvalidBucket(InvalidBucketName),
    /// The endpoint can't be put into a URL.
    #[error("the endpoint can't be used in a URL; enter it as https://HOST or https://HOST:PORT")]
    InvalidEndpoint,
    /// A key (an access key or a storage account) without a secret.
    #[error("the secret is missing; enter the one that belongs to the key")]
    MissingSecret,
    /// A secret without a key (an access key or the e-mail address of a service account).
    #[error("the key is missing; enter the access key or e-mail address that the secret belongs to")]
    MissingKey,
}

impl TargetError {
    /// The diagnosis check that reports this error, and its code.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::InvalidBucket(_) => (CheckName::Bucket, CheckCode::BucketNotFound),
            Self::InvalidEndpoint => (CheckName::Dns, CheckCode::DnsFailed),
            Self::MissingSecret => (CheckName::Authenticate, CheckCode::SecretWrong),
            Self::MissingKey => (CheckName::Authenticate, CheckCode::KeyUnknown),
        }
    }
}
