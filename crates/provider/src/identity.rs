//! Who a node is at the clouds, and where it asks for temporary credentials.
//!
//! All of this is the operator's to set. Nothing that a user types leads here: a user names a role, an account or an
//! application, and the node asks the cloud's own service for it.

use std::fmt;

use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;

/// What a node is at the clouds, for access that is delegated to it.
#[derive(Debug, Clone, Default)]
pub struct NodeIdentity {
    /// Assumes roles.
    pub aws: Option<AwsIdentity>,
    /// Impersonates service accounts: the JSON key of the node's own.
    pub google: Option<Secret>,
}

/// An access key of the node's own AWS account, or of a role it already has.
#[derive(Clone)]
pub struct AwsIdentity {
    /// The access key id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: Secret,
    /// What makes a temporary access key valid.
    pub session_token: Option<Secret>,
}

impl fmt::Debug for AwsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsIdentity").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// Services that stand in for those of the clouds, which are asked where there is none: a private endpoint in an
/// operator's network, a stub in a test.
#[derive(Debug, Clone, Default)]
pub struct TokenServices {
    /// Instead of `sts.REGION.amazonaws.com`.
    pub aws_sts: Option<Endpoint>,
    /// Instead of `oauth2.googleapis.com`.
    pub google_token: Option<Endpoint>,
    /// Instead of `iamcredentials.googleapis.com`.
    pub google_iam: Option<Endpoint>,
    /// Instead of `login.microsoftonline.com` and its siblings.
    pub entra: Option<Endpoint>,
}
