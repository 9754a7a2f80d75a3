//! A registered bucket: what it is called, where it lies, and what opens it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::id::{BucketId, OrgId, WorkspaceId};
use crate::name::Name;
use crate::secret::{SealedSecret, Secret};

/// The storage protocol that a bucket's provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StorageType {
    /// AWS S3 and everything that speaks its protocol.
    #[serde(rename = "S3")]
    S3,
    /// Google Cloud Storage.
    #[serde(rename = "GCS")]
    Gcs,
    /// Azure Blob Storage. `AZURE` is read as another spelling and never written.
    #[serde(rename = "BLOB", alias = "AZURE")]
    Blob,
}

impl StorageType {
    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Gcs => "GCS",
            Self::Blob => "BLOB",
        }
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no storage type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of S3, GCS, BLOB (AZURE is read as BLOB)")]
pub struct UnknownStorageType;

impl FromStr for StorageType {
    type Err = UnknownStorageType;
    fn from_str(text: &str) -> Result<Self, UnknownStorageType> {
        match text {
            "S3" => Ok(Self::S3),
            "GCS" => Ok(Self::Gcs),
            "BLOB" | "AZURE" => Ok(Self::Blob),
            _ => Err(UnknownStorageType),
        }
    }
}

/// What names a bucket at its provider, without what opens it. Changing any of it asks for a new validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketLocation {
    /// The protocol of the provider.
    pub storage_type: StorageType,
    /// The bucket's (container's) name at the provider.
    pub bucket: String,
    /// Access key id, role ARN, client e-mail or account name: an identity, not a secret.
    pub key: Option<String>,
    /// The provider's address, where it isn't the public one of the storage type.
    pub endpoint: Option<Endpoint>,
    /// The provider's region, where it has any.
    pub region: Option<String>,
}

/// A location together with its plain secret: all that a driver needs to open the bucket. Lives in a node's memory
/// only, and in the control plane between the request and the seal.
#[derive(Debug, Clone)]
pub struct BucketTarget {
    /// Where the bucket lies and who opens it.
    pub location: BucketLocation,
    /// The plain secret; absent for anonymous or delegated access.
    pub secret: Option<Secret>,
}

/// A bucket as it is registered.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its id.
    pub id: BucketId,
    /// The organization that registered it.
    pub org_id: OrgId,
    /// The workspace whose members may see it.
    pub workspace_id: WorkspaceId,
    /// What people call it; unique among the organization's live buckets.
    pub name: Name,
    /// Where it lies.
    pub location: BucketLocation,
    /// What opens it, sealed to the nodes.
    pub secret: Option<SealedSecret>,
    /// Raised by one with every change of location or secret: a result that was computed for an older version is
    /// not stored.
    pub version: i64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When a person last changed it.
    pub updated_at: Timestamp,
    /// When its secret was given, and when it ends.
    pub credential: CredentialTimes,
}

/// What is known of the life of a stored secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CredentialTimes {
    /// When it was given; none without a secret, or where it isn't known.
    pub set_at: Option<Timestamp>,
    /// When it ends; none where it doesn't, or doesn't tell.
    pub expires_at: Option<Timestamp>,
}

/// Longest accepted texts of a location, in bytes.
pub mod limits {
    /// Provider bucket names are at most 63 to 255 characters long, whichever provider.
    pub const BUCKET: usize = 255;
    /// Access key ids, e-mails and ARNs.
    pub const KEY: usize = 2_048;
    /// A whole service account JSON with a 4096-bit key fits eight times.
    pub const SECRET: usize = 32_768;
    /// Region names.
    pub const REGION: usize = 128;
}

/// Why a provider's bucket name can't be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBucketName {
    /// Empty text.
    #[error("must not be empty")]
    Empty,
    /// Too long for any provider.
    #[error("must be at most 255 characters long")]
    TooLong,
    /// A character that no provider allows, and that would change the path of a request.
    #[error("may hold letters, digits, '.', '-' and '_' only")]
    Character,
    /// `.` and `..` are path segments.
    #[error("must not be '.' or '..'")]
    Dots,
}

/// Checks a provider's bucket name against what holds for all of them. The stricter rules of each provider are
/// left to the provider: old buckets have names that new ones may not have.
pub fn check_bucket_name(name: &str) -> Result<(), InvalidBucketName> {
    if name.is_empty() {
        return Err(InvalidBucketName::Empty);
    }
    if name.len() > limits::BUCKET {
        return Err(InvalidBucketName::TooLong);
    }
    if name == "." || name == ".." {
        return Err(InvalidBucketName::Dots);
    }
    // `$` for Azure's `$root` and `$web` containers.
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'$')) {
        return Err(InvalidBucketName::Character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_is_read_as_blob_and_written_as_blob() {
        let read: StorageType = serde_json::from_str("\"AZURE\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"BLOB\"");
        assert_eq!("AZURE".parse(), Ok(StorageType::Blob));
    }

    #[test]
    fn bucket_names_that_would_change_a_path_are_refused() {
        for wrong in ["", ".", "..", "a/b", "a b", "a?b", "a%2fb", "ä", "a\nb", &"a".repeat(256)] {
            assert!(check_bucket_name(wrong).is_err(), "{wrong:?}");
        }
        for right in ["photos", "My_Old.Bucket", "$web", "a"] {
            assert!(check_bucket_name(right).is_ok(), "{right:?}");
        }
    }
}
