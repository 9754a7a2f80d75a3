//! What `CompleteMultipartUpload` asks for, whether it is passed through or not.

use bucketry_provider::driver::{Conditions, HiddenMetadata, ObjectPart, Part, encode_parts};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::completed_parts::{CompletedPart, read_parts};
use crate::front::s3::error::S3Failure;
use crate::front::s3::operation::{CompleteRequest, ObjectKey};
use crate::front::s3::upload_checksum::VerifiedChecksum;
use crate::front::s3::{conditions, xml};
use crate::object::context::RequestContext;
use crate::object::multipart::OpenUpload;
use crate::object::stored_checksum;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;

/// An upload to complete, and its parts.
pub(super) struct Completion {
    /// The key that the client used.
    pub(super) key: ObjectKey,
    pub(super) upload: OpenUpload,
    pub(super) parts: Vec<Part>,
    pub(super) conditions: Conditions,
    /// The checksum of the object: the one that the client sent, or, if it sent none, that of the parts' checksums.
    pub(super) checksum: Option<VerifiedChecksum>,
    /// What the gateway stores with the object.
    pub(super) hidden: HiddenMetadata,
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
        let can = resolved.driver().capabilities();
        let sizes = if expected.needs_sizes() {
            sizes(resolved, &upload, &parts).await?
        } else if can.hidden_metadata
            && (!can.object_parts
                || expected.is_computed_from_sizes(parts.iter().map(CompletedPart::checksum)))
        {
            // Without them, the object is stored all the same.
            sizes(resolved, &upload, &parts).await.unwrap_or_default()
        } else {
            None
        };
        let claimed = claimed_sizes(&parts);
        let (parts, checksums): (Vec<Part>, Vec<_>) = parts
            .into_iter()
            .map(|CompletedPart { part, content }| {
                let number = part.number;
                (part, (number, content.map(|content| content.checksum)))
            })
            .unzip();
        let known = sizes.as_deref().or(claimed.as_deref());
        let checksum = expected.verify(&checksums, known)?;
        let checksum = checksum.or_else(|| expected.computed(&checksums, known));
        let mut hidden = HiddenMetadata::default();
        if can.hidden_metadata {
            let size = sizes.as_ref().map(|sizes| sizes.iter().sum());
            hidden.checksum = checksum.as_ref().map(|checksum| checksum.to_stored().text(size));
            hidden.part_checksums =
                stored_checksum::text_of_parts(checksums.iter().map(|(_, checksum)| checksum.as_ref()));
        }
        if let Some(sizes) = sizes.filter(|_| can.hidden_metadata && !can.object_parts) {
            let part = |(part, size): (&Part, u64)| ObjectPart { number: part.number, size };
            hidden.parts = encode_parts(&parts.iter().zip(sizes).map(part).collect::<Vec<_>>());
        }
        Ok(Completion { key, upload, parts, conditions, checksum, hidden })
    }
}

/// The sizes that the ETags of the parts contain. They serve where the provider doesn't list the parts any more, as for
/// a completion that is repeated.
fn claimed_sizes(parts: &[CompletedPart]) -> Option<Vec<u64>> {
    parts.iter().map(|part| part.content.as_ref().map(|content| content.size)).collect()
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
