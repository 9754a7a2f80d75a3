//! What clients authenticate with. Each protocol asks for its own kind.

mod signing_secret;

pub use signing_secret::SigningSecret;

/// The credential of a repository key.
#[derive(Debug)]
pub enum Credential {
    /// For AWS Signature Version 4: the secret access key.
    SigV4(SigningSecret),
}
