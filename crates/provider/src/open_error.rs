//! What can be wrong with what was entered for a bucket.

use bucketry_model::bucket::InvalidBucketName;
use bucketry_model::diagnosis::{CheckCode, CheckName};

/// Why a bucket can't be opened. Nothing was sent. The user or the operator must change the input that the message
/// names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bucket's name is malformed.
    #[error("the bucket's name {0}")]
    InvalidBucket(InvalidBucketName),
    /// The region is malformed.
    #[error("the region must consist of at most 64 letters, digits, '-' and '_'")]
    InvalidRegion,
    /// The endpoint can't be put into a URL.
    #[error("the endpoint can't be used in a URL; enter it as https://HOST or https://HOST:PORT")]
    InvalidEndpoint,
    /// An access key with a forbidden character.
    #[error("the access key must be visible ASCII without spaces, commas or slashes")]
    InvalidKey,
    /// A key (an access key or a storage account) without a secret.
    #[error("the secret is missing; enter the one that belongs to the key")]
    MissingSecret,
    /// A secret without a key (an access key or the e-mail address of a service account).
    #[error("the key is missing; enter the access key or e-mail address that the secret belongs to")]
    MissingKey,
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
    /// An ARN that isn't a role's.
    #[error("the ARN does not name a role, such as arn:aws:iam::123456789012:role/NAME")]
    InvalidRole,
    /// A role without an external id. Anyone who knows its ARN could use it through this deployment.
    #[error("a role needs an external id; enter it as the secret")]
    MissingExternalId,
    /// An external id that AWS rejects: too short, too long, or with a forbidden character.
    #[error("an external id consists of 2 to 1,224 letters, digits and the characters _+=,.@:/-")]
    InvalidExternalId,
    /// A role for an endpoint that isn't AWS.
    #[error("roles work with AWS only; for this endpoint, enter an access key and its secret")]
    RoleElsewhere,
    /// The node has no AWS credentials to assume roles with.
    #[error(
        "this node has no AWS credentials to assume roles with; the operator of this deployment must set \
         BUCKETRY_AWS_ACCESS_KEY_ID and BUCKETRY_AWS_SECRET_ACCESS_KEY"
    )]
    NoAwsIdentity,
    /// JSON that isn't a complete session.
    #[error(
        "the JSON is not a complete session; it needs AccessKeyId, SecretAccessKey and SessionToken, as aws sts \
         prints them"
    )]
    InvalidSession,
    /// The access key is not that of the JSON.
    #[error("the JSON belongs to a different access key than the one given; leave the access key out")]
    OtherAccessKey,
    /// A temporary AWS access key without its session token.
    #[error(
        "an access key that begins with ASIA is temporary and needs its session token; as the secret, enter the whole \
         JSON that aws sts or aws configure export-credentials prints"
    )]
    MissingSessionToken,
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

impl OpenError {
    /// The diagnosis check that reports this error, and its code.
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
