//! What can be wrong with what was entered for a container.

use bucketry_model::diagnosis::{CheckCode, CheckName};

use crate::target_error::TargetError;

/// Why a container can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AzureOpenError {
    /// Not specific to the provider.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// An Azure container without its storage account.
    #[error("the storage account's name is missing; enter it as the key")]
    MissingAccount,
    /// A malformed name of a storage account.
    #[error("a storage account's name consists of 3 to 24 lower-case letters and digits")]
    InvalidAccount,
    /// A malformed name of a container.
    #[error(
        "a container's name consists of 3 to 63 lower-case letters, digits and single hyphens between them"
    )]
    InvalidContainer,
    /// An account key that isn't base64.
    #[error("the account key is not base64; copy the whole key, but not the connection string around it")]
    InvalidAccountKey,
    /// A shared access signature that can't go into a URL.
    #[error("the shared access signature must be a query string with sig=…; copy the whole query string")]
    InvalidSas,
    /// JSON that isn't a complete application.
    #[error(
        "the JSON is not a complete application; it needs tenant, appId and password, as az ad sp create-for-rbac \
         prints them"
    )]
    InvalidApplication,
    /// An application with an endpoint that uses plain http.
    #[error("an application's tokens are sent over https only; use an https endpoint")]
    ApplicationNeedsTls,
}

impl AzureOpenError {
    /// The diagnosis check that reports this error, and its code.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::Target(error) => error.check(),
            Self::MissingAccount | Self::InvalidAccount => {
                (CheckName::Authenticate, CheckCode::AccountNotFound)
            }
            Self::InvalidContainer => (CheckName::Bucket, CheckCode::BucketNotFound),
            Self::InvalidAccountKey | Self::InvalidSas | Self::InvalidApplication => {
                (CheckName::Authenticate, CheckCode::SecretWrong)
            }
            Self::ApplicationNeedsTls => (CheckName::Tls, CheckCode::TlsFailed),
        }
    }
}
