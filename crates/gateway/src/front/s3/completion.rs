//! What `CompleteMultipartUpload` asks for, whether it is passed through or not.

use bucketry_provider::driver::{Conditions, Part};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::completed_parts::{CompletedPart, read_parts};
use crate::front::s3::error::S3Failure;
use crate::front::s3::operation::{CompleteRequest, ObjectKey};
use crate::front::s3::upload_checksum::VerifiedChecksum;
use crate::front::s3::{conditions, xml};
use crate::object::context::RequestContext;
use crate::object::multipart::OpenUpload;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// An upload to complete, and its parts.
pub(super) struct Completion {
    /// The key that the client used.
    pub(super) key: ObjectKey,
    pub(super) upload: OpenUpload,
    pub(super) parts: Vec<Part>,
    pub(super) conditions: Conditions,
    /// The checksum of the object that the client sent.
    pub(super) checksum: Option<VerifiedChecksum>,
}

impl CompleteRequest {
    /// Checks the conditions and the upload id, then reads the parts from the payload, and verifies what the client
    /// declared about the object.
    pub(super) async fn read(
        self,
        context: &RequestContext,
        resolved: &ResolvedBucket,
        payload: PayloadBody,
    ) -> Result<Completion, S3Failure> {
        let Self { key, upload, conditions, expected } = self;
        conditions::of_completing(&conditions, resolved.driver().capabilities())?;
        let upload = OpenUpload::new(context, resolved, &key, &upload)?;
        let document = payload.collect_bounded(xml::MAX_BYTES).await?;
        let parts = read_parts(&document)?;
        let sizes = if expected.needs_sizes() { sizes(resolved, &upload, &parts).await? } else { None };
        let (parts, checksums): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .map(|CompletedPart { part, checksum }| {
                let number = part.number;
                (part, (number, checksum))
            })
            .unzip();
        let checksum = expected.verify(&checksums, sizes.as_deref())?;
        Ok(Completion { key, upload, parts, conditions, checksum })
    }
}

/// The sizes of the parts. `None` if the upload is gone: it may be completed already, which the provider finds out, and
/// nothing else can succeed.
async fn sizes(
    resolved: &ResolvedBucket,
    upload: &OpenUpload,
    parts: &[CompletedPart],
) -> Result<Option<Vec<u64>>, Failure> {
    let stored = match upload.all_parts(resolved).await {
        Ok(stored) => stored,
        Err(failure) if failure.kind == FailureKind::UploadNotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let size_of = |part: &CompletedPart| {
        let found = stored.binary_search_by_key(&part.part.number, |stored| stored.number).ok()?;
        let stored = stored.get(found)?;
        (stored.etag.trim_matches('"') == part.part.etag.trim_matches('"')).then_some(stored.size)
    };
    let sizes: Option<Vec<u64>> = parts.iter().map(size_of).collect();
    sizes.map(Some).ok_or_else(|| {
        Failure::new(FailureKind::InvalidPart, "A part does not exist, or its ETag does not match.")
    })
}
