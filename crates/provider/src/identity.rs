//! A node's own identities at the clouds, and the services that issue temporary credentials.
//!
//! Only the operator sets these. Users can't influence where requests for credentials go: a user names a role, an
//! account or an application, and the node asks the cloud's own service for it.

use std::fmt;

use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;

/// A node's own identities at the clouds, used for access that users delegate to it.
#[derive(Debug, Clone, Default)]
pub struct NodeIdentity {
    /// The identity that assumes roles.
    pub aws: Option<AwsIdentity>,
    /// The JSON key of the service account that impersonates others.
    pub google: Option<Secret>,
}

/// An access key of the operator's AWS account, or of a role that the node already has.
#[derive(Clone)]
pub struct AwsIdentity {
    /// The access key id.
    pub access_key: String,
    /// The secret of the access key.
    pub secret_key: Secret,
    /// The session token. Temporary access keys need one.
    pub session_token: Option<Secret>,
}

impl fmt::Debug for AwsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsIdentity").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Substitutes for the clouds' token services, such as private endpoints in the operator's network or stubs in
/// tests. Without a substitute, the cloud's own service is used.
#[derive(Debug, Clone, Default)]
pub struct TokenServices {
    /// Replaces `sts.REGION.amazonaws.com`.
    pub aws_sts: Option<Endpoint>,
    /// Replaces `oauth2.googleapis.com`.
    pub google_token: Option<Endpoint>,
    /// Replaces `iamcredentials.googleapis.com`.
    pub google_iam: Option<Endpoint>,
    /// Replaces `login.microsoftonline.com` and its counterparts in other clouds.
    pub entra: Option<Endpoint>,
}
