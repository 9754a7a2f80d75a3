//! What clients authenticate with. Each protocol asks for its own kind.

mod signing_secret;

use bucketry_model::bucket::StorageType;
use bucketry_model::secret::Secret;

pub use signing_secret::SigningSecret;

/// The credential of a repository key.
#[derive(Debug)]
pub enum Credential {
    /// For AWS Signature Version 4: the secret access key.
    SigV4(SigningSecret),
}

impl Credential {
    /// The credential of a key, from its secret. The protocol that the repository's applications use determines its
    /// kind. `None` if the gateway doesn't serve the protocol.
    pub fn new(protocol: StorageType, secret: Secret) -> Option<Self> {
        match protocol {
            StorageType::S3 => Some(Self::SigV4(SigningSecret::new(secret))),
            StorageType::Gcs | StorageType::Blob => None,
        }
    }
}
