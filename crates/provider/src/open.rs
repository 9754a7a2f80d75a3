//! Opens a bucket: turns a location and a secret into a driver.

use std::sync::Arc;

use bucketry_model::bucket::{BucketTarget, StorageType};

use crate::azure::AzureDriver;
use crate::connection::Connections;
use crate::driver::SharedDriver;
use crate::gcs;
pub use crate::open_error::OpenError;
use crate::s3::S3Driver;

/// Opens a bucket. Nothing is sent.
pub fn open(target: &BucketTarget, connections: &Connections) -> Result<SharedDriver, OpenError> {
    match target.location.storage_type {
        StorageType::S3 => Ok(Arc::new(S3Driver::open(target, connections)?)),
        StorageType::Blob => Ok(Arc::new(AzureDriver::open(target, connections)?)),
        StorageType::Gcs => gcs::open(target, connections),
    }
}
