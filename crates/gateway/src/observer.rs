//! Whom the gateway tells what it did.

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::usage::UsageRow;

/// Takes what requests add up to. Called on the way of requests: it must not wait.
pub trait Observer: Send + Sync + 'static {
    /// A request ended.
    fn count(&self, row: UsageRow);

    /// A key was used; told at most once a minute for each key.
    fn key_used(&self, key_use: KeyUse);

    /// A bucket's provider failed a request in a way that says something about the bucket's health.
    fn bucket_failed(&self, bucket: BucketId);

    /// A bucket's provider carried a request out. Told of each: it must cost next to nothing.
    fn bucket_served(&self, bucket: BucketId);
}
