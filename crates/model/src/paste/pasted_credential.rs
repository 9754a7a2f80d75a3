//! What a pasted text says about a credential, and why it can't be used.

use serde_json::json;

use super::shape;
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
    /// Control characters, or bytes that are no characters.
    #[error("is not text: paste the text that the provider shows, or a text file")]
    Binary,
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// No known form.
    #[error(
        "contains neither the address of a bucket nor a credential in a known form: enter its values one by one, each in its \
         own field"
    )]
    Unknown,
    /// Which of several buckets is meant is unknown.
    #[error("contains the addresses of several buckets: paste one of them")]
    SeveralAddresses,
    /// Which of several credentials is meant is unknown.
    #[error("contains several credentials: paste one of them")]
    SeveralCredentials,
    /// A part is missing.
    #[error("contains only a part of a credential: paste it whole, with its key and its secret")]
    Incomplete,
    /// JSON that ends too early, or that is damaged.
    #[error("is not complete JSON: paste everything from the first to the last brace")]
    InvalidJson,
    /// JSON of an unknown form.
    #[error(
        "is JSON, but not that of a credential: paste what the provider's console or command line printed for the key"
    )]
    UnknownJson,
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
    /// An access key and its secret. HMAC keys of Google have the same form.
    pub(super) fn aws(key: Option<&str>, secret: &str) -> Self {
        let is_google = key.is_some_and(shape::is_google_key);
        let storage_type = if is_google { StorageType::Gcs } else { StorageType::S3 };
        Self::new(storage_type, key.map(str::to_owned), secret)
    }

    /// A temporary access key, as the document that drivers read.
    pub(super) fn aws_session(key: &str, secret: &str, token: &str) -> Self {
        let document = json!({ "AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token });
        Self::new(StorageType::S3, Some(key.to_owned()), document.to_string())
    }

    pub(super) fn new(storage_type: StorageType, key: Option<String>, secret: impl Into<String>) -> Self {
        let secret = Secret::new(secret);
        Self { storage_type, key, secret, bucket: None, endpoint: None, region: None }
    }
}
