//! From a bucket's location and secret to a driver.

use std::sync::Arc;

use bucketry_model::bucket::{BucketTarget, InvalidBucketName, StorageType};
use bucketry_model::diagnosis::{CheckCode, CheckName};

use crate::azure::AzureDriver;
use crate::connection::Connections;
use crate::driver::SharedDriver;
use crate::s3::S3Driver;

/// Why a bucket can't even be tried. Nothing was sent; what was given must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is no driver for the storage type yet.
    #[error("buckets of type {0} are not supported yet; this version speaks S3")]
    UnsupportedStorageType(StorageType),
    /// The bucket's name can't be one.
    #[error("the bucket's name {0}")]
    InvalidBucket(InvalidBucketName),
    /// The region can't be one.
    #[error("the region may hold letters, digits, '-' and '_' only, and at most 64 of them")]
    InvalidRegion,
    /// The endpoint can't be put into a URL.
    #[error("the endpoint is not an address that requests can be sent to")]
    InvalidEndpoint,
    /// An access key with characters that no access key has.
    #[error("the access key must be visible ASCII without spaces, commas or slashes")]
    InvalidKey,
    /// An access key without a secret.
    #[error("the access key needs its secret")]
    MissingSecret,
    /// A secret without an access key.
    #[error("the secret needs its access key")]
    MissingKey,
    /// An Azure container without its storage account.
    #[error("the storage account's name is missing; it goes where the access key of other providers does")]
    MissingAccount,
    /// A text that can't be the name of a storage account.
    #[error("a storage account's name has 3 to 24 lower-case letters and digits")]
    InvalidAccount,
    /// A text that can't be the name of a container.
    #[error("a container's name has 3 to 63 lower-case letters, digits and single hyphens between them")]
    InvalidContainer,
    /// An account key that isn't base64.
    #[error("the account key is not base64; copy the key alone and whole, not the connection string")]
    InvalidAccountKey,
    /// A shared access signature that can't go into a URL.
    #[error("the shared access signature is not a query string with a signature (sig=…); copy it whole")]
    InvalidSas,
    /// Delegated access through a role.
    #[error("access through a role (AssumeRole) is not supported yet; give an access key and its secret")]
    UnsupportedDelegation,
}

impl OpenError {
    /// The check of a validation that this stands for.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::InvalidBucket(_) | Self::InvalidContainer => (CheckName::Bucket, CheckCode::BucketNotFound),
            Self::InvalidRegion => (CheckName::Bucket, CheckCode::WrongRegion),
            Self::InvalidKey | Self::MissingKey | Self::UnsupportedDelegation => {
                (CheckName::Authenticate, CheckCode::KeyUnknown)
            }
            Self::MissingAccount | Self::InvalidAccount => {
                (CheckName::Authenticate, CheckCode::AccountNotFound)
            }
            Self::MissingSecret | Self::InvalidAccountKey | Self::InvalidSas => {
                (CheckName::Authenticate, CheckCode::SecretWrong)
            }
            Self::InvalidEndpoint => (CheckName::Dns, CheckCode::DnsFailed),
            Self::UnsupportedStorageType(_) => (CheckName::Dns, CheckCode::NotAnObjectStore),
        }
    }
}

/// Opens a bucket. Nothing is sent.
pub fn open(target: &BucketTarget, connections: &Connections) -> Result<SharedDriver, OpenError> {
    match target.location.storage_type {
        StorageType::S3 => Ok(Arc::new(S3Driver::open(target, connections)?)),
        StorageType::Blob => Ok(Arc::new(AzureDriver::open(target, connections)?)),
        other @ StorageType::Gcs => Err(OpenError::UnsupportedStorageType(other)),
    }
}
