//! The pins of buckets, for what decides which node does something with a bucket. Pins are stored with the bucket
//! (`bucket`).

use std::collections::HashMap;

use async_trait::async_trait;
use bucketry_model::id::BucketId;
use bucketry_model::pinning::BucketPins;

use crate::Result;

/// Reads the pins of buckets.
#[async_trait]
pub trait PinStore {
    /// The pins of those of the given buckets that are live and pinned.
    async fn pins_of(&self, ids: &[BucketId]) -> Result<HashMap<BucketId, BucketPins>>;
}
