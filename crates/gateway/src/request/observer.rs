//! The interface through which the gateway reports what happened.

use std::net::IpAddr;

use bucketry_model::id::{BucketId, RepoKeyId};
use bucketry_model::node_protocol::KeyUse;
use bucketry_model::usage::UsageRow;
use jiff::Timestamp;

/// A request with an access key that was refused, because the key is unknown, didn't sign the request or doesn't
/// permit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRefusal {
    /// The key that the request named. `None` if the node doesn't know it.
    pub key_id: Option<RepoKeyId>,
    /// The error code of the response.
    pub code: &'static str,
    /// Where the request came from, through trusted proxies.
    pub address: Option<IpAddr>,
    /// When it was refused.
    pub at: Timestamp,
}

/// Receives the results of requests. The methods are called while requests are served, so they must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request has ended, or the size change of a detached write became known.
    fn count(&self, row: UsageRow);

    /// A key was used. Called at most once per minute and key.
    fn key_used(&self, key_use: KeyUse);

    /// The use of a key was refused. Called for every such request, and clients may send any number, so it must be
    /// cheap and its memory bounded.
    fn key_refused(&self, refusal: KeyRefusal);

    /// A provider failed a request in a way that says something about the bucket's health.
    fn bucket_failed(&self, bucket: BucketId);

    /// A provider carried out a request. Called for every such request, so it must be cheap.
    fn bucket_served(&self, bucket: BucketId);
}
