//! The multipart operations.

use bucketry_provider::driver::{NewUpload, UploadCompletion};
use http::StatusCode;

use crate::front::s3::answer::bucket::owner;
use crate::front::s3::answer::write::stored_answer;
use crate::front::s3::completion::Completion;
use crate::front::s3::operation::{CompleteRequest, ObjectKey, Part, UploadChecksum};
use crate::front::s3::part_etag::PartContent;
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::upload_checksum::VerifiedChecksum;
use crate::front::s3::xml::{self, Document};
use crate::object;
use crate::object::context::RequestContext;
use crate::object::multipart::OpenUpload;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::upload_id::SealedUploadId;

/// `CreateMultipartUpload`.
pub(super) async fn create(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    new: &NewUpload,
    checksum: Option<UploadChecksum>,
) -> S3Answer {
    let sealed = object::multipart::create(context, resolved, key, new).await?;
    let mut document = Document::new("InitiateMultipartUploadResult");
    document.element("Bucket", resolved.name());
    document.element("Key", key.as_str());
    document.element("UploadId", &sealed);
    let mut response = response::document(document.finish());
    if let Some(checksum) = checksum {
        checksum.confirm(response.headers_mut());
    }
    Ok(response)
}

/// `UploadPart`. If it is dropped midway, the part is not stored.
pub(super) async fn upload(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    part: Part,
    payload: PayloadBody,
) -> S3Answer {
    let receipt = payload.receipt();
    let upload = OpenUpload::new(context, resolved, &part.key, &part.upload)?;
    let size = payload.length();
    let mut etag = object::multipart::upload(resolved, upload, part.number, payload).await?;
    if let Some(checksum) = receipt.checksum() {
        etag = PartContent { checksum: checksum.clone(), size }.add_to(&etag);
    }
    Ok(stored_answer(Some(&etag), &receipt))
}

/// `CompleteMultipartUpload`. The object counts as stored only now.
pub(super) async fn complete(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    request: CompleteRequest,
    payload: PayloadBody,
) -> S3Answer {
    let Completion { key, upload, parts, conditions, checksum, hidden } =
        request.read(context, resolved, payload).await?;
    let completion = UploadCompletion { parts: &parts, conditions, hidden };
    let stored = upload.complete(context, resolved, &completion).await?;
    let mut document = Document::new("CompleteMultipartUploadResult");
    document.element("Location", &xml::location(resolved.name(), key.as_str()));
    document.element("Bucket", resolved.name());
    document.element("Key", key.as_str());
    document.optional("ETag", stored.etag.as_deref());
    for (name, text) in checksum.iter().flat_map(VerifiedChecksum::elements) {
        document.element(&name, &text);
    }
    Ok(response::document(document.finish()))
}

/// `AbortMultipartUpload`.
pub(super) async fn abort(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    upload: &SealedUploadId,
) -> S3Answer {
    OpenUpload::new(context, resolved, key, upload)?.abort(resolved).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// The requested page of the parts.
#[derive(Clone, Copy)]
pub(super) struct PartsAfter {
    pub(super) after: u32,
    pub(super) max_parts: u16,
}

/// `ListParts`. Not every provider reports when a part was stored, so that is left out.
pub(super) async fn list(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    sealed: &SealedUploadId,
    PartsAfter { after, max_parts }: PartsAfter,
) -> S3Answer {
    let upload = OpenUpload::new(context, resolved, key, sealed)?;
    let page = upload.parts(resolved, after, usize::from(max_parts)).await?;
    let mut document = Document::new("ListPartsResult");
    document.element("Bucket", resolved.name());
    document.element("Key", key.as_str());
    document.element("UploadId", sealed.as_str());
    owner(&mut document, "Initiator");
    owner(&mut document, "Owner");
    document.element("StorageClass", "STANDARD");
    document.element("PartNumberMarker", &after.to_string());
    document.optional("NextPartNumberMarker", page.next.map(|next| next.to_string()).as_deref());
    document.element("MaxParts", &max_parts.to_string());
    document.element("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    for part in &page.parts {
        document.group("Part", |document| {
            document.element("PartNumber", &part.number.to_string());
            document.element("ETag", &part.etag);
            document.element("Size", &part.size.to_string());
        });
    }
    Ok(response::document(document.finish()))
}
