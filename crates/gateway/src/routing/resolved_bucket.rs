//! The bucket that a request is about.

use std::sync::Arc;

use bucketry_model::id::BucketId;
use bucketry_provider::driver::{Driver, Tag, UploadId};
use bucketry_provider::error::{ErrorKind, ProviderError};

use crate::failure::Failure;
use crate::payload::Receipt;
use crate::routing::object_key::{KeyText, ObjectKey};
use crate::routing::page_token::not_of_this_list;
use crate::routing::registry::{ServedBucket, ServedKey};
use crate::routing::route::{KeyPrefix, Route};
use crate::routing::upload_id::{SealedUploadId, UploadScope};

/// The bucket, folder and driver that a bucket name resolves to. A request resolves each name once, so the circuit
/// breaker and the driver that it uses belong to the same state of the bucket.
#[derive(Debug, Clone)]
pub struct ResolvedBucket {
    pub(crate) route: Arc<Route>,
    pub(crate) served: Arc<ServedBucket>,
}

impl ResolvedBucket {
    /// The bucket name that the client used.
    pub(crate) fn name(&self) -> &str {
        &self.route.name
    }

    pub(crate) fn id(&self) -> BucketId {
        self.route.bucket
    }

    pub(crate) fn folder(&self) -> &KeyPrefix {
        &self.route.folder
    }

    pub(crate) fn driver(&self) -> &dyn Driver {
        &*self.served.driver
    }

    /// The key with the repository's folder.
    pub(crate) fn key(&self, key: &ObjectKey) -> Result<String, Failure> {
        self.folder().key(key, self.driver().capabilities().max_key_bytes)
    }

    /// Checks the key in a continuation token after which a list continues, like any other key from a client: older
    /// nodes, which may have sealed the token, could have checked less.
    pub(crate) fn opened_marker(&self, after: Option<String>) -> Result<Option<String>, Failure> {
        if let Some(after) = &after {
            KeyText::new(self.folder().strip(after).unwrap_or(after)).map_err(|_| not_of_this_list())?;
        }
        Ok(after)
    }

    /// The provider's id of an upload. `key` includes the repository's folder.
    pub(crate) fn open_upload(
        &self,
        caller: &ServedKey,
        key: &str,
        upload: &SealedUploadId,
    ) -> Result<UploadId, Failure> {
        caller.seals()?.upload_ids.open(self.upload_scope(caller, key), upload)
    }

    /// The id that clients get for an upload. `key` includes the repository's folder.
    pub(crate) fn seal_upload(
        &self,
        caller: &ServedKey,
        key: &str,
        upload: &UploadId,
    ) -> Result<String, Failure> {
        caller.seals()?.upload_ids.seal(self.upload_scope(caller, key), upload)
    }

    fn upload_scope<'k>(&self, caller: &ServedKey, key: &'k str) -> UploadScope<'k> {
        UploadScope { repository: caller.routes.repository(), bucket: self.id(), key }
    }

    /// Translates a provider's error for the client.
    pub(crate) fn failure(&self, error: &ProviderError) -> Failure {
        Failure::of(error, self.driver().site().permissions)
    }

    /// Like [`ResolvedBucket::failure`], for requests about tags, which need their own permissions.
    pub(crate) fn tags_failure(&self, error: &ProviderError) -> Failure {
        let mut failure = self.failure(error);
        if error.kind() == Some(ErrorKind::AccessDenied) {
            failure.message = format!(
                "Your key is fine: the bucket's provider denies this to the credential that Bucketry uses for the \
                 bucket. The credential needs {} for tags.",
                self.driver().site().permissions.tags
            );
        }
        failure
    }

    /// Adds to the failure of a write with tags which permission these need.
    pub(crate) fn tagged_failure(
        &self,
        tags: &[Tag],
        error: &ProviderError,
        mut failure: Failure,
    ) -> Failure {
        if !tags.is_empty() && error.kind() == Some(ErrorKind::AccessDenied) {
            failure.message.push_str(" To store tags, it also needs ");
            failure.message.push_str(self.driver().site().permissions.tags);
            failure.message.push('.');
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
