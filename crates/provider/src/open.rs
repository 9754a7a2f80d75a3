//! Opens a bucket: turns a location and a secret into a driver.

use std::sync::Arc;

use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::{CheckCode, CheckName};
use bucketry_model::provider::Provider;

use crate::azure::{AzureDriver, AzureOpenError};
use crate::connection::Connections;
use crate::driver::SharedDriver;
use crate::gcs::{self, GcsOpenError};
use crate::s3::{S3Driver, S3OpenError};

/// Why a bucket can't be opened. Nothing was sent. The user or the operator must change the input that the message
/// names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "one per storage type")]
pub enum OpenError {
    #[error(transparent)]
    S3(#[from] S3OpenError),
    #[error(transparent)]
    Azure(#[from] AzureOpenError),
    #[error(transparent)]
    Gcs(#[from] GcsOpenError),
}

impl OpenError {
    /// The diagnosis check that reports this error, and its code.
    pub fn check(self) -> (CheckName, CheckCode) {
        match self {
            Self::S3(error) => error.check(),
            Self::Azure(error) => error.check(),
            Self::Gcs(error) => error.check(),
        }
    }
}

/// Opens a bucket. Nothing is sent.
pub fn open(target: &BucketTarget, connections: &Connections) -> Result<SharedDriver, OpenError> {
    let BucketLocation { storage_type, endpoint, .. } = &target.location;
    let connections = &connections.of_provider(Provider::recognise(*storage_type, endpoint.as_ref()));
    match storage_type {
        StorageType::S3 => Ok(Arc::new(S3Driver::open(target, connections)?)),
        StorageType::Blob => Ok(Arc::new(AzureDriver::open(target, connections)?)),
        StorageType::Gcs => Ok(gcs::open(target, connections)?),
    }
}
