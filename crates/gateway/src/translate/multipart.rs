//! The multipart operations.

use bucketry_provider::driver::{Conditions, ObjectAttributes, Stored};
use http::StatusCode;

use crate::execute::write::{MeasuredWrite, SizeAfter};
use crate::execute::{Answer, RequestContext, ResolvedBucket, answer, conditions};
use crate::operation::{ObjectKey, Part};
use crate::payload::PayloadBody;
use crate::translate::bucket::owner;
use crate::translate::write::{check_length, stored_answer};
use crate::upload_id::{SealedUploadId, no_sealing_key};
use crate::xml::{self, Document};

/// `CreateMultipartUpload`.
pub(super) async fn create(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    attributes: &ObjectAttributes,
) -> Answer {
    let there = resolved.key(key)?;
    // Don't start an upload whose id can't be sealed for the client.
    if context.key.upload_ids.is_none() {
        return Err(no_sealing_key().into());
    }
    let upload = resolved
        .driver()
        .create_multipart(&there, attributes)
        .await
        .map_err(|error| resolved.failure(&error))?;
    let mut document = Document::new("InitiateMultipartUploadResult");
    document.element("Bucket", resolved.name());
    document.element("Key", key.as_str());
    document.element("UploadId", &resolved.seal_upload(context, &there, &upload)?);
    Ok(answer::document(document.finish()))
}

/// `UploadPart`. If it is dropped midway, the part is not stored.
pub(super) async fn upload(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    part: Part,
    payload: PayloadBody,
) -> Answer {
    let key = resolved.key(&part.key)?;
    let upload = resolved.open_upload(context, &key, &part.upload)?;
    check_length(payload.length(), resolved.driver().capabilities().multipart.max_part_bytes)?;
    let receipt = payload.receipt();
    let payload = payload.into_driver_payload().await?;
    let stored = resolved
        .driver()
        .upload_part(&key, &upload, part.number, payload)
        .await
        .map_err(|error| resolved.upload_failure(&error, &receipt))?;
    let stored = Stored { etag: Some(stored.etag), version: None };
    Ok(stored_answer(&stored, &receipt))
}

/// The upload to complete.
pub(super) struct CompleteRequest {
    pub(super) key: ObjectKey,
    pub(super) upload: SealedUploadId,
    pub(super) conditions: Conditions,
}

/// `CompleteMultipartUpload`. The object counts as stored only now.
pub(super) async fn complete(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    completing: CompleteRequest,
    payload: PayloadBody,
) -> Answer {
    conditions::of_writing(&completing.conditions, resolved.driver().capabilities())?;
    let key = resolved.key(&completing.key)?;
    let upload = resolved.open_upload(context, &key, &completing.upload)?;
    let document = payload.collect_bounded(xml::MAX_BYTES).await?;
    let parts = xml::read_parts(&document)?;
    let write = MeasuredWrite::prepare(context, resolved, &key, &Conditions::default()).await?;
    let completed = resolved.driver().complete_multipart(&key, &upload, &parts, &completing.conditions);
    let stored = write.run(SizeAfter::Unknown, completed).await.map_err(|error| resolved.failure(&error))?;
    let name = completing.key.as_str();
    let mut document = Document::new("CompleteMultipartUploadResult");
    document.element("Location", &xml::location(resolved.name(), name));
    document.element("Bucket", resolved.name());
    document.element("Key", name);
    document.optional("ETag", stored.etag.as_deref());
    Ok(answer::document(document.finish()))
}

/// `AbortMultipartUpload`.
pub(super) async fn abort(
    context: &RequestContext,
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    upload: &SealedUploadId,
) -> Answer {
    let key = resolved.key(key)?;
    let upload = resolved.open_upload(context, &key, upload)?;
    resolved.driver().abort_multipart(&key, &upload).await.map_err(|error| resolved.failure(&error))?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
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
) -> Answer {
    let there = resolved.key(key)?;
    let upload = resolved.open_upload(context, &there, sealed)?;
    let mut page = resolved
        .driver()
        .list_parts(&there, &upload, after)
        .await
        .map_err(|error| resolved.failure(&error))?;
    let most = usize::from(max_parts);
    if page.parts.len() > most {
        page.parts.truncate(most);
        page.next = Some(page.parts.last().map_or(after, |part| part.number));
    }
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
    Ok(answer::document(document.finish()))
}
