//! What can be wrong with what was entered for a bucket on Google Cloud Storage.

use bucketry_model::diagnosis::{CheckCode, CheckName};

use crate::s3::S3OpenError;
use crate::target_error::TargetError;

/// Why a bucket on Google Cloud Storage can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GcsOpenError {
    /// Not specific to the provider.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// With an HMAC key, the bucket is opened like one of S3.
    #[error(transparent)]
    Interoperable(#[from] S3OpenError),
    /// JSON of a type other than `service_account`.
    #[error(
        "the JSON must be a key of type service_account; user credentials, workload identity federation and \
         impersonation files are not supported"
    )]
    UnsupportedCredentialType,
    /// JSON that isn't a service account's key.
    #[error("the JSON is not a complete service account key; it needs type, client_email and private_key")]
    InvalidServiceAccount,
    /// JSON that names a token service other than Google's.
    #[error("the JSON names a token service other than Google's own (token_uri, universe_domain)")]
    ForeignTokenUri,
    /// The e-mail address is not that of the JSON.
    #[error("the JSON belongs to a different service account than the e-mail address; leave the address out")]
    OtherServiceAccount,
    /// A key that isn't an e-mail address.
    #[error("enter the service account's e-mail address, such as name@project.iam.gserviceaccount.com")]
    InvalidServiceAccountEmail,
    /// A secret that is neither PEM nor JSON.
    #[error(
        "the secret is not a private key; enter the PEM text from -----BEGIN PRIVATE KEY----- to its end, or the JSON"
    )]
    NoPrivateKey,
    /// A truncated or damaged private key.
    #[error("the private key is truncated or damaged; copy the whole key again")]
    BrokenPrivateKey,
    /// A private key with a passphrase.
    #[error("the private key is encrypted; enter it without a passphrase, as Google issues it")]
    EncryptedPrivateKey,
    /// A private key that isn't RSA.
    #[error("the private key is not an RSA key; service accounts have RSA keys")]
    UnsupportedPrivateKey,
    /// The node has no service account to impersonate others with.
    #[error(
        "this node has no Google service account to impersonate others with; enter the service account's private key \
         or its whole JSON, or ask the operator of this deployment to set BUCKETRY_GCP_CREDENTIALS_FILE"
    )]
    NoGoogleIdentity,
    /// The node's own service account can't be used.
    #[error(
        "this node's own Google service account can't be read; the operator of this deployment must check \
         BUCKETRY_GCP_CREDENTIALS_FILE"
    )]
    InvalidGoogleIdentity,
    /// Impersonation for an endpoint that isn't Google's.
    #[error(
        "service accounts can be impersonated for Google's own endpoints only; for this endpoint, enter a key"
    )]
    ImpersonationElsewhere,
}

impl GcsOpenError {
    /// The diagnosis check that reports this error, and its code.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::Target(error) => error.check(),
            Self::Interoperable(error) => error.check(),
            Self::UnsupportedCredentialType
            | Self::InvalidServiceAccount
            | Self::ForeignTokenUri
            | Self::NoPrivateKey
            | Self::BrokenPrivateKey
            | Self::EncryptedPrivateKey
            | Self::UnsupportedPrivateKey => (CheckName::Authenticate, CheckCode::SecretWrong),
            Self::OtherServiceAccount
            | Self::InvalidServiceAccountEmail
            | Self::NoGoogleIdentity
            | Self::InvalidGoogleIdentity
            | Self::ImpersonationElsewhere => (CheckName::Authenticate, CheckCode::KeyUnknown),
        }
    }
}
