//! Carries operations out. There are two ways: `forward` for providers that speak S3, where a request goes on as it
//! came, and `translate` for the others, over their [`Driver`](bucketry_provider::driver::Driver). Here is what both
//! share: where a request leads, how it may end, and which way it takes.
//!
//! Dropping the future of [`handle`] gives the provider's request up; whether it is carried out is unknown then. An
//! upload whose client goes away fails, and nothing is stored.

pub(crate) mod answer;
mod body;
pub(crate) mod conditions;
mod failure;
mod keep_alive;
pub(crate) mod range;
pub(crate) mod size;
mod support;
mod write_state;

use std::sync::Arc;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::{SharedDriver, UploadId};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http::Response;
use jiff::Timestamp;

use crate::error::{Code, Result, S3Error};
pub use crate::execute::body::GatewayBody;
pub use crate::execute::failure::{Failure, Fault};
pub(crate) use crate::execute::keep_alive::{KeepAliveEnd, KeepAliveResponse};
pub use crate::execute::support::{Support, support};
pub use crate::execute::write_state::{DetachedWrites, WriteState};
use crate::operation::{KeyText, ObjectKey, Operation, Request, Target};
use crate::page_token::{PageTokens, not_of_this_list};
use crate::payload::{PayloadBody, Receipt};
use crate::route::{KeyPrefix, Routes, not_served};
use crate::upload_id::{SealedUploadId, UploadIds, UploadScope, no_sealing_key};
use crate::{forward, translate};

/// The open buckets of a node.
pub trait OpenBuckets: Sync {
    /// The driver of a bucket; `None` where the node doesn't have it (yet), or couldn't open it.
    fn driver(&self, bucket: BucketId) -> Option<SharedDriver>;
}

/// How operations are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether the change of the stored size is measured. It costs a HEAD before each write, and another after
    /// completing an upload; without it every change counts as zero. Of two writes to one key at the same time both
    /// may see the same size before, so the sum is exact only where writes to a key follow each other.
    pub measure_size_change: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { measure_size_change: true }
    }
}

/// What a request is carried out with.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    /// The names of the repository that the request came through.
    pub routes: &'a Routes,
    /// The open buckets.
    pub buckets: &'a dyn OpenBuckets,
    /// How.
    pub settings: Settings,
    /// Seals the tokens of lists.
    pub page_tokens: &'a PageTokens,
    /// Seals upload ids; `None` where the node has not got the repository's sealing key.
    pub upload_ids: Option<&'a UploadIds>,
    /// The time of the request.
    pub now: Timestamp,
    /// Where a write notes how far it has come, if anybody wants to know.
    pub write_state: Option<&'a Arc<WriteState>>,
}

impl RequestContext<'_> {
    /// The provider is asked now for what can't be taken back.
    pub(crate) fn begin(self) {
        if let Some(write_state) = self.write_state {
            write_state.begin();
        }
    }
}

/// A request that was carried out.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub response: Response<GatewayBody>,
    /// By how many bytes the stored size changed, as far as is known.
    pub size_change: i64,
}

impl Outcome {
    /// An outcome that changed nothing.
    pub(crate) fn of(response: Response<GatewayBody>) -> Self {
        Self { response, size_change: 0 }
    }
}

pub(crate) type Answer = std::result::Result<Outcome, Failure>;

/// Carries a request out.
///
/// Who calls has verified the signature, and that the key grants
/// [`Operation::access`](crate::operation::Operation::access); the source of a copy is looked for in the same
/// repository.
pub async fn handle(
    context: RequestContext<'_>,
    target: &Target,
    request: Request<'_>,
    payload: PayloadBody,
) -> std::result::Result<Outcome, Failure> {
    let Some(name) = target.bucket() else {
        return translate::on_service(context, &request);
    };
    if request.operation == Operation::CreateBucket {
        return translate::create_bucket(context, name);
    }
    let resolved = ResolvedBucket::find(context, name)?;
    if let Support::Refused(why) = support(request.operation.name(), resolved.driver.capabilities()) {
        return Err(S3Error::new(Code::NotImplemented, why).into());
    }
    if forward::takes(context, &resolved, &request) {
        forward::handle(context, &resolved, request, payload).await
    } else {
        // On the heap, so that requests that are forwarded are small.
        Box::pin(translate::handle(context, &resolved, request, payload)).await
    }
}

/// Where a name leads, opened.
pub(crate) struct ResolvedBucket<'a> {
    /// The name that the client gave.
    pub(crate) name: &'a str,
    pub(crate) bucket: BucketId,
    pub(crate) folder: &'a KeyPrefix,
    pub(crate) driver: SharedDriver,
}

impl<'a> ResolvedBucket<'a> {
    pub(crate) fn find(context: RequestContext<'a>, name: &'a str) -> Result<Self> {
        let route = context.routes.find(name)?;
        let driver = context.buckets.driver(route.bucket).ok_or_else(not_served)?;
        Ok(Self { name, bucket: route.bucket, folder: &route.folder, driver })
    }

    /// The key in the bucket.
    pub(crate) fn key(&self, key: &ObjectKey) -> Result<String> {
        self.folder.key(key, self.driver.capabilities().max_key_bytes)
    }

    /// Where a list goes on after, in the bucket's own keys, as a token told. Who knows the token's secret can make
    /// tokens up, so it is checked as if it came from a client.
    pub(crate) fn opened_marker(&self, after: Option<String>) -> Result<Option<String>> {
        if let Some(after) = &after {
            KeyText::new(self.folder.strip(after).unwrap_or(after)).map_err(|_| not_of_this_list())?;
        }
        Ok(after)
    }

    /// The provider's id of an upload of the object with this key in the bucket.
    pub(crate) fn open_upload(
        &self,
        context: RequestContext<'_>,
        key: &str,
        upload: &SealedUploadId,
    ) -> Result<UploadId> {
        let ids = context.upload_ids.ok_or_else(no_sealing_key)?;
        ids.open(self.upload_scope(context, key), upload)
    }

    /// What clients call an upload of the object with this key in the bucket.
    pub(crate) fn seal_upload(
        &self,
        context: RequestContext<'_>,
        key: &str,
        upload: &UploadId,
    ) -> Result<String> {
        let ids = context.upload_ids.ok_or_else(no_sealing_key)?;
        ids.seal(self.upload_scope(context, key), upload)
    }

    fn upload_scope<'k>(&self, context: RequestContext<'_>, key: &'k str) -> UploadScope<'k> {
        UploadScope { repository: context.routes.repository(), bucket: self.bucket, key }
    }

    /// What a failure of the provider means.
    pub(crate) fn failure(&self, error: &ProviderError) -> Failure {
        Failure::of(error, self.driver.site().permissions)
    }

    /// As [`ResolvedBucket::failure`], of what was asked about tags: they have permissions of their own.
    pub(crate) fn tags_failure(&self, error: &ProviderError) -> Failure {
        let mut failure = self.failure(error);
        if error.kind() == Some(ErrorKind::AccessDenied) {
            failure.error.message = format!(
                "Your key is fine: it is the bucket's provider that denies this to the credential which Bucketry \
                 holds for the bucket. Tags need {}.",
                self.driver.site().permissions.tags
            );
        }
        failure
    }

    /// As [`ResolvedBucket::failure`], of an upload: its payload may be to blame.
    pub(crate) fn upload_failure(&self, error: &ProviderError, receipt: &Receipt) -> Failure {
        match receipt.refusal() {
            Some(refusal) if matches!(error, ProviderError::Source(_)) => refusal.into(),
            _ => self.failure(error),
        }
    }
}
