//! The interface through which the gateway reports what happened.

use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::usage::UsageRow;

/// Receives the results of requests. The methods are called while requests are served, so they must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request has ended, or the size change of a detached write became known.
    fn count(&self, row: UsageRow);

    /// A key was used. Called at most once per minute and key.
    fn key_used(&self, key_use: KeyUse);

    /// A provider failed a request in a way that says something about the bucket's health.
    fn bucket_failed(&self, bucket: BucketId);

    /// A provider carried out a request. Called for every such request, so it must be cheap.
    fn bucket_served(&self, bucket: BucketId);
}
