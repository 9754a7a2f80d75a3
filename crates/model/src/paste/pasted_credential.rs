//! What a pasted text says about a credential, and why it can't be used.

use crate::bucket::StorageType;
use crate::secret::Secret;

/// The longest text that is read as a paste, in bytes.
pub const MAX_PASTE_BYTES: usize = 1024 * 1024;

/// Why a paste can't be used. Says nothing of its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasteError {
    /// The text is longer than [`MAX_PASTE_BYTES`].
    #[error("is longer than 1 MiB")]
    TooLong,
    /// Which of several credentials is meant is unknown.
    #[error("contains several credentials: paste one of them")]
    SeveralCredentials,
    /// A part is missing.
    #[error("contains only a part of a credential: paste it whole, with its key and its secret")]
    Incomplete,
    /// JSON that ends too early, or that has an unknown form.
    #[error("is not the complete JSON of a credential: paste everything from the first to the last brace")]
    InvalidJson,
    /// A path on another computer.
    #[error("names a file with the credential: paste the contents of that file")]
    NamesAFile,
    /// The emulator's connection string, which has no address.
    #[error(
        "is the connection string of the local emulator, which has no address: enter endpoint, account and key"
    )]
    Emulator,
}

/// A credential, with what the text says about the place that it is for.
#[derive(Debug, Clone)]
pub struct PastedCredential {
    /// The protocol of the provider.
    pub storage_type: StorageType,
    /// The identity.
    pub key: Option<String>,
    /// The secret in the form that drivers read.
    pub secret: Secret,
    /// The bucket, if it is named.
    pub bucket: Option<String>,
    /// The provider's endpoint, if it is not the public one.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
}

impl PastedCredential {
    pub(super) fn new(storage_type: StorageType, key: Option<String>, secret: impl Into<String>) -> Self {
        let secret = Secret::new(secret);
        Self { storage_type, key, secret, bucket: None, endpoint: None, region: None }
    }
}
