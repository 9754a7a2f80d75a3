//! What executing any operation needs, whether `forward` passes it through or `translate` executes it: the resolved
//! bucket, conditions, ranges, the size of objects and response bodies.

pub(crate) mod answer;
mod body;
pub(crate) mod conditions;
pub(crate) mod range;
pub(crate) mod size;
mod support;
pub(crate) mod write;
mod write_state;

use std::sync::Arc;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::{SharedDriver, UploadId};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http::Response;
use jiff::Timestamp;

use crate::error::S3Failure;
pub use crate::execute::body::GatewayBody;
pub(crate) use crate::execute::body::{KeepAliveEnd, PendingDocument};
pub use crate::execute::support::{Support, support};
pub use crate::execute::write_state::{DetachedWrites, WriteState};
use crate::failure::Failure;
use crate::operation::{KeyText, ObjectKey};
use crate::page_token::{PageTokens, not_of_this_list};
use crate::payload::Receipt;
use crate::route::{KeyPrefix, Routes, not_served};
use crate::upload_id::{SealedUploadId, UploadIds, UploadScope, no_sealing_key};

/// The buckets that a node has opened.
pub trait OpenBuckets: Sync {
    /// The driver of a bucket. `None` if the node hasn't loaded the bucket yet or couldn't open it.
    fn driver(&self, bucket: BucketId) -> Option<SharedDriver>;
}

/// Settings for executing operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether to measure the change of the stored size, which costs a HEAD before each write, and another one
    /// after completing an upload. Without it, every change counts as zero. Two concurrent writes to one key may
    /// both see the same previous size, so the sum is exact only for writes to a key that don't overlap.
    pub measure_size_change: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { measure_size_change: true }
    }
}

/// Everything that executing a request needs besides the request.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    /// The bucket names of the repository that the key belongs to.
    pub routes: &'a Routes,
    /// The open buckets of the node.
    pub buckets: &'a dyn OpenBuckets,
    /// The node's settings.
    pub settings: Settings,
    /// Seals continuation tokens.
    pub page_tokens: &'a PageTokens,
    /// Seals upload ids. `None` if the node doesn't have the repository's sealing key.
    pub upload_ids: Option<&'a UploadIds>,
    /// The time of the request.
    pub now: Timestamp,
    /// Records the progress of a write. `None` if nobody needs it.
    pub write_state: Option<&'a Arc<WriteState>>,
}

impl RequestContext<'_> {
    /// Call this right before sending the provider a request that can't be undone.
    pub(crate) fn begin(self) {
        if let Some(write_state) = self.write_state {
            write_state.begin();
        }
    }

    fn record_size_change(self, bytes: i64) {
        if let Some(write_state) = self.write_state {
            write_state.record_size_change(bytes);
        }
    }
}

/// What the client gets.
pub(crate) type Answer = Result<Response<GatewayBody>, S3Failure>;

/// The bucket, folder and driver that a bucket name resolves to.
pub(crate) struct ResolvedBucket<'a> {
    /// The bucket name that the client used.
    pub(crate) name: &'a str,
    pub(crate) bucket: BucketId,
    pub(crate) folder: &'a KeyPrefix,
    pub(crate) driver: SharedDriver,
}

impl<'a> ResolvedBucket<'a> {
    pub(crate) fn find(context: RequestContext<'a>, name: &'a str) -> Result<Self, Failure> {
        let route = context.routes.find(name)?;
        let driver = context.buckets.driver(route.bucket).ok_or_else(not_served)?;
        Ok(Self { name, bucket: route.bucket, folder: &route.folder, driver })
    }

    /// The key with the repository's folder.
    pub(crate) fn key(&self, key: &ObjectKey) -> Result<String, Failure> {
        self.folder.key(key, self.driver.capabilities().max_key_bytes)
    }

    /// Checks the key in a continuation token after which a list continues. Anyone who knows the secret of the
    /// tokens can forge one, so the key is checked like any other key from a client.
    pub(crate) fn opened_marker(&self, after: Option<String>) -> Result<Option<String>, Failure> {
        if let Some(after) = &after {
            KeyText::new(self.folder.strip(after).unwrap_or(after)).map_err(|_| not_of_this_list())?;
        }
        Ok(after)
    }

    /// The provider's id of an upload. `key` includes the repository's folder.
    pub(crate) fn open_upload(
        &self,
        context: RequestContext<'_>,
        key: &str,
        upload: &SealedUploadId,
    ) -> Result<UploadId, Failure> {
        let ids = context.upload_ids.ok_or_else(no_sealing_key)?;
        ids.open(self.upload_scope(context, key), upload)
    }

    /// The id that clients get for an upload. `key` includes the repository's folder.
    pub(crate) fn seal_upload(
        &self,
        context: RequestContext<'_>,
        key: &str,
        upload: &UploadId,
    ) -> Result<String, Failure> {
        let ids = context.upload_ids.ok_or_else(no_sealing_key)?;
        ids.seal(self.upload_scope(context, key), upload)
    }

    fn upload_scope<'k>(&self, context: RequestContext<'_>, key: &'k str) -> UploadScope<'k> {
        UploadScope { repository: context.routes.repository(), bucket: self.bucket, key }
    }

    /// Translates a provider's error for the client.
    pub(crate) fn failure(&self, error: &ProviderError) -> Failure {
        Failure::of(error, self.driver.site().permissions)
    }

    /// Like [`ResolvedBucket::failure`], for requests about tags, which need their own permissions.
    pub(crate) fn tags_failure(&self, error: &ProviderError) -> Failure {
        let mut failure = self.failure(error);
        if error.kind() == Some(ErrorKind::AccessDenied) {
            failure.message = format!(
                "Your key is fine: the bucket's provider denies this to the credential that Bucketry uses for the \
                 bucket. The credential needs {} for tags.",
                self.driver.site().permissions.tags
            );
        }
        failure
    }

    /// Like [`ResolvedBucket::failure`], for uploads, where the payload may be the cause.
    pub(crate) fn upload_failure(&self, error: &ProviderError, receipt: &Receipt) -> Failure {
        match receipt.refusal() {
            Some(refusal) if matches!(error, ProviderError::Source(_)) => refusal,
            _ => self.failure(error),
        }
    }
}
