//! What can be wrong with what was entered for a bucket of a provider that speaks S3.

use bucketry_model::diagnosis::{CheckCode, CheckName};

use crate::target_error::TargetError;

/// Why a bucket of a provider that speaks S3 can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum S3OpenError {
    /// Not specific to the provider.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The region is malformed.
    #[error("the region must consist of at most 64 letters, digits, '-' and '_'")]
    InvalidRegion,
    /// An access key with a forbidden character.
    #[error("the access key must be visible ASCII without spaces, commas or slashes")]
    InvalidKey,
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
}

impl S3OpenError {
    /// The diagnosis check that reports this error, and its code.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::Target(error) => error.check(),
            Self::InvalidRegion => (CheckName::Bucket, CheckCode::WrongRegion),
            Self::InvalidKey
            | Self::InvalidRole
            | Self::RoleElsewhere
            | Self::NoAwsIdentity
            | Self::OtherAccessKey => (CheckName::Authenticate, CheckCode::KeyUnknown),
            Self::MissingExternalId
            | Self::InvalidExternalId
            | Self::InvalidSession
            | Self::MissingSessionToken => (CheckName::Authenticate, CheckCode::SecretWrong),
        }
    }
}
