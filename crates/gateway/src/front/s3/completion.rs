//! What `CompleteMultipartUpload` asks for, whether it is passed through or not.

use bucketry_provider::driver::{Conditions, Part};

use crate::front::s3::error::S3Failure;
use crate::front::s3::operation::ObjectKey;
use crate::front::s3::{conditions, xml};
use crate::object::context::RequestContext;
use crate::object::multipart::OpenUpload;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::upload_id::SealedUploadId;

/// A request to complete an upload.
pub(super) struct CompleteRequest {
    pub(super) key: ObjectKey,
    pub(super) upload: SealedUploadId,
    pub(super) conditions: Conditions,
}

/// An upload to complete, and its parts.
pub(super) struct Completion {
    /// The key that the client used.
    pub(super) key: ObjectKey,
    pub(super) upload: OpenUpload,
    pub(super) parts: Vec<Part>,
    pub(super) conditions: Conditions,
}

impl CompleteRequest {
    /// Checks the conditions and the upload id, then reads the parts from the payload.
    pub(super) async fn read(
        self,
        context: &RequestContext,
        resolved: &ResolvedBucket,
        payload: PayloadBody,
    ) -> Result<Completion, S3Failure> {
        let Self { key, upload, conditions } = self;
        conditions::of_writing(&conditions, resolved.driver().capabilities())?;
        let upload = OpenUpload::new(context, resolved, &key, &upload)?;
        let document = payload.collect_bounded(xml::MAX_BYTES).await?;
        let parts = xml::read_parts(&document)?;
        Ok(Completion { key, upload, parts, conditions })
    }
}
