//! The multipart family.

use bucketry_provider::driver::{Conditions, ObjectAttributes, Stored, UploadId};
use http::StatusCode;

use crate::carry::{Answer, Context, Failure, Outcome, Place, answer, conditions, size};
use crate::operation::{ObjectKey, Part};
use crate::payload::PayloadBody;
use crate::translate::bucket::owner;
use crate::translate::write::{check_length, stored_answer};
use crate::xml::{self, Document};

/// `CreateMultipartUpload`.
pub(super) async fn create(place: &Place<'_>, key: &ObjectKey, attributes: &ObjectAttributes) -> Answer {
    let there = place.key(key)?;
    let upload =
        place.driver.create_multipart(&there, attributes).await.map_err(|error| place.failure(&error))?;
    let mut document = Document::new("InitiateMultipartUploadResult");
    document.element("Bucket", place.name);
    document.element("Key", key.as_str());
    document.element("UploadId", &upload.0);
    Ok(Outcome::of(answer::document(document.finish())))
}

/// `UploadPart`. Dropped in the middle, the part is not stored.
pub(super) async fn upload(place: &Place<'_>, part: Part, payload: PayloadBody) -> Answer {
    let key = place.key(&part.key)?;
    check_length(payload.length(), place.driver.capabilities().multipart.max_part_bytes)?;
    let receipt = payload.receipt();
    let payload = payload.into_driver_payload().await?;
    let stored = place
        .driver
        .upload_part(&key, &UploadId(part.upload), part.number, payload)
        .await
        .map_err(|error| place.upload_failure(&error, &receipt))?;
    let stored = Stored { etag: Some(stored.etag), version: None };
    Ok(Outcome::of(stored_answer(&stored, &receipt)))
}

/// Which upload is completed.
pub(super) struct Completing {
    pub(super) key: ObjectKey,
    pub(super) upload: String,
    pub(super) conditions: Conditions,
}

/// `CompleteMultipartUpload`: only now the object counts as stored.
pub(super) async fn complete(
    context: Context<'_>,
    place: &Place<'_>,
    completing: Completing,
    payload: PayloadBody,
) -> Answer {
    conditions::of_writing(&completing.conditions, place.driver.capabilities())?;
    let key = place.key(&completing.key)?;
    let document = payload.collect_bounded(xml::MAX_BYTES).await?;
    let parts = xml::read_parts(&document)?;
    let before = size::before(context, place, &key).await?;
    let upload = UploadId(completing.upload);
    context.begin();
    let stored = match place.driver.complete_multipart(&key, &upload, &parts, &completing.conditions).await {
        Ok(stored) => stored,
        Err(error) => {
            let size_change = size::in_spite_of(&error, context, place, &key, before).await;
            return Err(Failure { size_change, ..place.failure(&error) });
        }
    };
    let size_change = size::replaced(context, place, &key, before).await;
    let name = completing.key.as_str();
    let mut document = Document::new("CompleteMultipartUploadResult");
    document.element("Location", &xml::location(place.name, name));
    document.element("Bucket", place.name);
    document.element("Key", name);
    document.optional("ETag", stored.etag.as_deref());
    Ok(Outcome { response: answer::document(document.finish()), size_change })
}

/// `AbortMultipartUpload`.
pub(super) async fn abort(place: &Place<'_>, key: &ObjectKey, upload: String) -> Answer {
    let key = place.key(key)?;
    place.driver.abort_multipart(&key, &UploadId(upload)).await.map_err(|error| place.failure(&error))?;
    Ok(Outcome::of(answer::empty(StatusCode::NO_CONTENT)))
}

/// `ListParts`. When a part was stored is not known for every provider, and left out.
pub(super) async fn list(
    place: &Place<'_>,
    key: &ObjectKey,
    upload: String,
    max_parts: u16,
    after: u32,
) -> Answer {
    let there = place.key(key)?;
    let upload = UploadId(upload);
    let mut page =
        place.driver.list_parts(&there, &upload, after).await.map_err(|error| place.failure(&error))?;
    let most = usize::from(max_parts);
    if page.parts.len() > most {
        page.parts.truncate(most);
        page.next = Some(page.parts.last().map_or(after, |part| part.number));
    }
    let mut document = Document::new("ListPartsResult");
    document.element("Bucket", place.name);
    document.element("Key", key.as_str());
    document.element("UploadId", &upload.0);
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
    Ok(Outcome::of(answer::document(document.finish())))
}
