//! A registered bucket: its names, its location and its credentials.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::id::{BucketId, OrgId, WorkspaceId};
use crate::name::Name;
use crate::pinning::BucketPins;
use crate::secret::{SealedSecret, Secret};

/// The storage protocol that a bucket's provider speaks. `AZURE` is accepted as `BLOB` and never returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum StorageType {
    /// AWS S3 and everything that speaks its protocol.
    #[serde(rename = "S3")]
    S3,
    /// Google Cloud Storage.
    #[serde(rename = "GCS")]
    Gcs,
    /// Azure Blob Storage.
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

/// The text is not the name of a storage type.
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

/// Identifies a bucket at its provider, without the secret. A change to any field requires a new validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketLocation {
    /// Protocol of the provider.
    pub storage_type: StorageType,
    /// Name of the bucket (container) at the provider.
    pub bucket: String,
    /// Access key id, role ARN, client e-mail address or account name: an identity, not a secret.
    pub key: Option<String>,
    /// URL of the provider; `None` for the public one of the storage type.
    pub endpoint: Option<Endpoint>,
    /// Region at the provider, if it has any.
    pub region: Option<String>,
}

/// A location with its plain secret: everything that a driver needs to open the bucket. Exists only in a node's
/// memory, and in the control plane between the request and the sealing.
#[derive(Debug, Clone)]
pub struct BucketTarget {
    /// Location of the bucket, with the identity that opens it.
    pub location: BucketLocation,
    /// Plain secret; `None` for anonymous or delegated access.
    pub secret: Option<Secret>,
}

/// The version of a bucket that was just registered.
pub const FIRST_VERSION: i64 = 1;

/// A registered bucket.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct Bucket {
    pub id: BucketId,
    pub org_id: OrgId,
    /// Workspace whose members may see the bucket.
    pub workspace_id: WorkspaceId,
    /// Name in the registry, unique among the live buckets of the organization.
    pub name: Name,
    pub location: BucketLocation,
    /// Secret that opens the bucket, sealed to the nodes.
    pub secret: Option<SealedSecret>,
    /// Incremented with every change of location or secret. A result that was computed for an older version is not
    /// stored.
    pub version: i64,
    /// Time of registration.
    pub created_at: Timestamp,
    /// When a user last changed the bucket.
    pub updated_at: Timestamp,
    /// When the secret was entered and when it expires.
    pub credential: CredentialTimes,
    /// The nodes and regions that serve the bucket. Empty if all nodes of its organization do.
    pub pinned_to: BucketPins,
}

/// The times of a stored secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CredentialTimes {
    /// When it was entered; `None` without a secret, or if unknown.
    pub set_at: Option<Timestamp>,
    /// When it expires; `None` if it doesn't, or doesn't say.
    pub expires_at: Option<Timestamp>,
}

/// The longest accepted texts of a location, in bytes.
pub mod limits {
    /// Bucket names are limited to 63 to 255 characters, depending on the provider.
    pub const BUCKET: usize = 255;
    /// Access key ids, e-mail addresses and ARNs.
    pub const KEY: usize = 2_048;
    /// Enough for eight service account documents with 4096-bit keys.
    pub const SECRET: usize = 32_768;
    /// Region names.
    pub const REGION: usize = 128;
}

/// Why a text is not a valid bucket name at any provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBucketName {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text is too long for any provider.
    #[error("must be at most 255 characters long")]
    TooLong,
    /// The text contains a character that no provider allows and that would change the path of a request.
    #[error("may contain only letters, digits, '.', '-', '_' and, at Azure, the '$' of $root and $web")]
    Character,
    /// `.` and `..` are path segments.
    #[error("must not be '.' or '..'")]
    Dots,
}

/// Checks a bucket name against the rules that all providers share. The stricter rules are left to the providers,
/// because old buckets may have names that new ones can't have.
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
    // `$` is for Azure's containers `$root` and `$web`.
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
