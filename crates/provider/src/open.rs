//! From a bucket's location and secret to a driver.

use std::sync::Arc;

use bucketry_model::bucket::{BucketTarget, InvalidBucketName, StorageType};
use bucketry_model::diagnosis::{CheckCode, CheckName};

use crate::azure::AzureDriver;
use crate::connection::Connections;
use crate::driver::SharedDriver;
use crate::gcs;
use crate::s3::S3Driver;

/// Why a bucket can't even be tried. Nothing was sent; what was given must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bucket's name can't be one.
    #[error("the bucket's name {0}")]
    InvalidBucket(InvalidBucketName),
    /// The region can't be one.
    #[error("the region may hold letters, digits, '-' and '_' only, and at most 64 of them")]
    InvalidRegion,
    /// The endpoint can't be put into a URL.
    #[error("the endpoint is not an address that requests can be sent to")]
    InvalidEndpoint,
    /// An access key with characters that no access key has.
    #[error("the access key must be visible ASCII without spaces, commas or slashes")]
    InvalidKey,
    /// An access key without a secret.
    #[error("the access key needs its secret")]
    MissingSecret,
    /// A secret without an access key.
    #[error("the secret needs its access key")]
    MissingKey,
    /// An Azure container without its storage account.
    #[error("the storage account's name is missing; it goes where the access key of other providers does")]
    MissingAccount,
    /// A text that can't be the name of a storage account.
    #[error("a storage account's name has 3 to 24 lower-case letters and digits")]
    InvalidAccount,
    /// A text that can't be the name of a container.
    #[error("a container's name has 3 to 63 lower-case letters, digits and single hyphens between them")]
    InvalidContainer,
    /// An account key that isn't base64.
    #[error("the account key is not base64; copy the key alone and whole, not the connection string")]
    InvalidAccountKey,
    /// A shared access signature that can't go into a URL.
    #[error("the shared access signature is not a query string with a signature (sig=…); copy it whole")]
    InvalidSas,
    /// JSON of another type than `service_account`.
    #[error(
        "only JSON keys of type service_account are taken, not those of users, of workload identity federation or \
         of impersonation"
    )]
    UnsupportedCredentialType,
    /// JSON that isn't a service account's key.
    #[error("the JSON is not a whole service account key; it needs type, client_email and private_key")]
    InvalidServiceAccount,
    /// JSON that names another token service than Google's.
    #[error("the JSON names a token service other than Google's own (token_uri, universe_domain)")]
    ForeignTokenUri,
    /// An e-mail address beside the JSON of another account.
    #[error(
        "the JSON belongs to another service account than the e-mail address beside it; leave the address out"
    )]
    OtherServiceAccount,
    /// A key that isn't an e-mail address.
    #[error("a service account is named by its e-mail address, such as name@project.iam.gserviceaccount.com")]
    InvalidServiceAccountEmail,
    /// A secret that is neither PEM nor JSON.
    #[error(
        "the secret is no private key; give the PEM text from -----BEGIN PRIVATE KEY----- to its end, or the JSON"
    )]
    NoPrivateKey,
    /// A private key that can't be read to its end.
    #[error("the private key is cut off or damaged; copy it again, whole")]
    BrokenPrivateKey,
    /// A private key under a passphrase.
    #[error("the private key is encrypted; give it without a passphrase, as Google hands it out")]
    EncryptedPrivateKey,
    /// A private key that isn't RSA.
    #[error("the private key is not an RSA key; service accounts have RSA keys")]
    UnsupportedPrivateKey,
    /// An ARN that names no role.
    #[error("the ARN is not that of a role, such as arn:aws:iam::123456789012:role/NAME")]
    InvalidRole,
    /// A role that anybody who knows its ARN could use through this deployment.
    #[error("a role is only assumed with an external id; it goes where the secret of an access key does")]
    MissingExternalId,
    /// An external id with characters that AWS doesn't take.
    #[error("an external id has 2 to 1,224 letters, digits and characters of _+=,.@:/-")]
    InvalidExternalId,
    /// A role for another server than AWS.
    #[error("roles are assumed at AWS only; at this endpoint the bucket needs an access key and its secret")]
    RoleElsewhere,
    /// The node has no AWS credentials to assume roles with.
    #[error(
        "this node has no AWS identity of its own to assume roles with; the operator of this deployment sets \
         BUCKETRY_AWS_ACCESS_KEY_ID and BUCKETRY_AWS_SECRET_ACCESS_KEY"
    )]
    NoAwsIdentity,
    /// JSON that isn't a whole session.
    #[error(
        "the JSON is not a whole session; it needs AccessKeyId, SecretAccessKey and SessionToken, as aws sts prints \
         them"
    )]
    InvalidSession,
    /// An access key beside the JSON of another one.
    #[error("the JSON belongs to another access key than the one beside it; leave the access key out")]
    OtherAccessKey,
    /// A temporary access key of AWS alone.
    #[error(
        "an access key that begins with ASIA is temporary and needs its session token; give the whole JSON that \
         aws sts or aws configure export-credentials prints as the secret"
    )]
    MissingSessionToken,
    /// The node has no service account to impersonate others with.
    #[error(
        "this node has no Google service account of its own to impersonate others with; the operator of this \
         deployment sets BUCKETRY_GCP_CREDENTIALS_FILE, or give the service account's private key or its whole JSON"
    )]
    NoGoogleIdentity,
    /// The node's own service account can't be used.
    #[error(
        "this node's own Google service account can't be read; the operator of this deployment must check \
         BUCKETRY_GCP_CREDENTIALS_FILE"
    )]
    InvalidGoogleIdentity,
    /// Impersonation for another server than Google.
    #[error(
        "service accounts are impersonated for Google's own endpoints only; at this endpoint the bucket needs a key"
    )]
    ImpersonationElsewhere,
    /// JSON that isn't a whole application.
    #[error(
        "the JSON is not a whole application; it needs tenant, appId and password, as az ad sp create-for-rbac \
         prints them"
    )]
    InvalidApplication,
    /// The tokens of an application over plain http.
    #[error("the tokens of an application are sent over https only; use an https endpoint")]
    ApplicationNeedsTls,
}

impl OpenError {
    /// The check of a validation that this stands for.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::InvalidBucket(_) | Self::InvalidContainer => (CheckName::Bucket, CheckCode::BucketNotFound),
            Self::InvalidRegion => (CheckName::Bucket, CheckCode::WrongRegion),
            Self::InvalidKey
            | Self::MissingKey
            | Self::InvalidRole
            | Self::RoleElsewhere
            | Self::NoAwsIdentity
            | Self::OtherAccessKey
            | Self::NoGoogleIdentity
            | Self::InvalidGoogleIdentity
            | Self::ImpersonationElsewhere
            | Self::OtherServiceAccount
            | Self::InvalidServiceAccountEmail => (CheckName::Authenticate, CheckCode::KeyUnknown),
            Self::MissingAccount | Self::InvalidAccount => {
                (CheckName::Authenticate, CheckCode::AccountNotFound)
            }
            Self::MissingSecret
            | Self::MissingExternalId
            | Self::InvalidExternalId
            | Self::InvalidSession
            | Self::MissingSessionToken
            | Self::InvalidApplication
            | Self::InvalidAccountKey
            | Self::InvalidSas
            | Self::UnsupportedCredentialType
            | Self::InvalidServiceAccount
            | Self::ForeignTokenUri
            | Self::NoPrivateKey
            | Self::BrokenPrivateKey
            | Self::EncryptedPrivateKey
            | Self::UnsupportedPrivateKey => (CheckName::Authenticate, CheckCode::SecretWrong),
            Self::ApplicationNeedsTls => (CheckName::Tls, CheckCode::TlsFailed),
            Self::InvalidEndpoint => (CheckName::Dns, CheckCode::DnsFailed),
        }
    }
}

/// Opens a bucket. Nothing is sent.
pub fn open(target: &BucketTarget, connections: &Connections) -> Result<SharedDriver, OpenError> {
    match target.location.storage_type {
        StorageType::S3 => Ok(Arc::new(S3Driver::open(target, connections)?)),
        StorageType::Blob => Ok(Arc::new(AzureDriver::open(target, connections)?)),
        StorageType::Gcs => gcs::open(target, connections),
    }
}
