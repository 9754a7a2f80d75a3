//! What a pasted address says about a bucket.

use crate::bucket::{StorageType, check_bucket_name};
use crate::endpoint::Endpoint;

/// What an address says about a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastedAddress {
    /// The protocol of the bucket's provider.
    pub storage_type: StorageType,
    /// The name at the provider.
    pub bucket: String,
    /// The folder or object in the bucket; empty if the address is that of the bucket.
    pub folder: String,
    /// The Azure storage account.
    pub account: Option<String>,
    /// The provider's endpoint without the bucket, if it isn't the public one of the type.
    pub endpoint: Option<Endpoint>,
    /// The region.
    pub region: Option<String>,
}

impl PastedAddress {
    pub(super) fn new(storage_type: StorageType, path: &str) -> Option<Self> {
        let (bucket, folder) = path.split_once('/').unwrap_or((path, ""));
        check_bucket_name(bucket).ok()?;
        Some(Self {
            storage_type,
            bucket: bucket.to_owned(),
            folder: folder.trim_matches('/').to_owned(),
            account: None,
            endpoint: None,
            region: None,
        })
    }
}
