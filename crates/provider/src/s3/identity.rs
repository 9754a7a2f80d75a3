//! The identity that signs a bucket's requests: none, a given access key, or an assumed role.

use std::sync::Arc;

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::credential::AwsSession;
use bucketry_model::provider::Provider;
use bucketry_model::secret::Secret;
use jiff::Timestamp;

use crate::connection::Connections;
use crate::error::ProviderError;
use crate::s3::open_error::S3OpenError;
use crate::s3::role::Role;
use crate::sigv4::Credentials;
use crate::target_error::TargetError;

/// The identity that signs requests.
#[derive(Debug)]
pub(super) enum SigningIdentity {
    /// Requests are not signed, for public buckets.
    Anonymous,
    /// An access key with its secret and, for a temporary key, its session token.
    Pair(Arc<Credentials>),
    /// A role that the node assumes.
    Role(Box<Role>),
}

impl SigningIdentity {
    /// Reads key and secret. `region` is the bucket's, if known.
    pub(super) fn read(
        target: &BucketTarget,
        region: Option<&str>,
        connections: &Connections,
    ) -> Result<Self, S3OpenError> {
        let location = &target.location;
        let key = location.key.as_deref().filter(|key| !key.is_empty());
        let secret = target.secret.as_ref().filter(|secret| !secret.is_empty());
        if let Some(arn) = key.filter(|key| key.starts_with("arn:")) {
            // Another server couldn't use a role. The error says so before anything is sent there.
            let elsewhere = !is_aws(location) && connections.settings().token_services.aws_sts.is_none();
            if elsewhere {
                return Err(S3OpenError::RoleElsewhere);
            }
            return Role::read(arn, secret, region, connections).map(Box::new).map(Self::Role);
        }
        if let Some(session) = secret.and_then(AwsSession::read) {
            let session = session.map_err(|_| S3OpenError::InvalidSession)?;
            return Self::session(session, key, is_aws(location));
        }
        match (key, secret) {
            (None, None) => Ok(Self::Anonymous),
            (None, Some(_)) => Err(TargetError::MissingKey.into()),
            (Some(_), None) => Err(TargetError::MissingSecret.into()),
            (Some(key), Some(_)) if is_temporary(key) && is_aws(location) => {
                Err(S3OpenError::MissingSessionToken)
            }
            (Some(key), Some(secret)) => Self::pair(key, secret),
        }
    }

    fn pair(key: &str, secret: &Secret) -> Result<Self, S3OpenError> {
        check_key(key)?;
        Ok(Self::Pair(Arc::new(Credentials::new(key, secret.clone()))))
    }

    fn session(session: AwsSession, key: Option<&str>, is_aws: bool) -> Result<Self, S3OpenError> {
        check_key(&session.access_key)?;
        if key.is_some_and(|key| key != session.access_key) {
            return Err(S3OpenError::OtherAccessKey);
        }
        let credentials = Credentials::new(&session.access_key, session.secret_key);
        let credentials = match &session.session_token {
            Some(token) => {
                credentials.with_session(token, session.expires).ok_or(S3OpenError::InvalidSession)?
            }
            None if is_aws && is_temporary(&session.access_key) => {
                return Err(S3OpenError::MissingSessionToken);
            }
            None => credentials,
        };
        Ok(Self::Pair(Arc::new(credentials)))
    }

    /// The current credentials. `None` for anonymous requests.
    pub(super) async fn credentials(
        &self,
        connections: &Connections,
    ) -> Result<Option<Arc<Credentials>>, ProviderError> {
        match self {
            Self::Anonymous => Ok(None),
            Self::Pair(credentials) => Ok(Some(Arc::clone(credentials))),
            Self::Role(role) => Box::pin(role.credentials(connections)).await.map(Some),
        }
    }

    /// Whether both have the same permissions at a provider because they are the same identity.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pair(one), Self::Pair(other)) => one.is_the_same_as(other),
            (Self::Role(one), Self::Role(other)) => one.is_the_same_as(other),
            _ => false,
        }
    }

    /// Discards credentials that the provider refused. Returns whether new ones can be obtained.
    pub(super) fn forget(&self, refused: &Arc<Credentials>) -> bool {
        match self {
            Self::Anonymous | Self::Pair(_) => false,
            Self::Role(role) => {
                role.forget(refused);
                true
            }
        }
    }

    /// Whether the credentials have expired, by their own expiry time.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        matches!(self, Self::Pair(credentials) if credentials.expires.is_some_and(|end| end <= now))
    }
}

fn is_aws(location: &BucketLocation) -> bool {
    Provider::recognise(StorageType::S3, location.endpoint.as_ref()) == Provider::Aws
}

/// Access keys of AWS sessions begin with ASIA ("Unique identifiers", IAM user guide).
fn is_temporary(key: &str) -> bool {
    key.starts_with("ASIA") && key.len() >= 16
}

fn check_key(key: &str) -> Result<(), S3OpenError> {
    let fits = !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b',');
    if fits { Ok(()) } else { Err(S3OpenError::InvalidKey) }
}
