//! The open buckets of the node, for tasks that use them beside the gateway.

use std::collections::HashMap;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::SharedDriver;
use parking_lot::RwLock;

/// An open bucket.
#[derive(Clone)]
pub(crate) struct OpenDriver {
    /// The version that last set the location and the secret.
    pub(crate) config_version: i64,
    pub(crate) driver: SharedDriver,
}

/// The buckets that the node serves and could open, by id.
#[derive(Default)]
pub(crate) struct OpenBuckets(RwLock<HashMap<BucketId, OpenDriver>>);

impl OpenBuckets {
    /// Replaces a bucket. Without a driver, it couldn't be opened.
    pub(crate) fn set(&self, id: BucketId, config_version: i64, driver: Option<SharedDriver>) {
        match driver {
            Some(driver) => drop(self.0.write().insert(id, OpenDriver { config_version, driver })),
            None => self.remove(id),
        }
    }

    pub(crate) fn remove(&self, id: BucketId) {
        self.0.write().remove(&id);
    }

    pub(crate) fn get(&self, id: BucketId) -> Option<OpenDriver> {
        self.0.read().get(&id).cloned()
    }
}
