//! The multipart family, but for aborting, which gains nothing.

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Conditions, UploadId};
use bucketry_provider::error::ProviderError;
use bucketry_provider::s3::{Forwarded, Parameter};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::carry::{self, Answer, Failure, Outcome, Place, conditions, size};
use crate::forward::document::{Element, rewrite};
use crate::forward::{MAX_DOCUMENT_BYTES, Way, answer};
use crate::operation::{ObjectKey, Part};
use crate::payload::PayloadBody;
use crate::translate::check_length;
use crate::upload_id::{SealedUploadId, no_sealing_key};
use crate::xml;

/// `CreateMultipartUpload`.
pub(super) async fn create(way: Way<'_>, key: &ObjectKey) -> Answer {
    const ROOT: &str = "InitiateMultipartUploadResult";
    let Way { context, place, s3, headers } = way;
    let there = place.key(key)?;
    // What could not be told to the client is not begun.
    if context.upload_ids.is_none() {
        return Err(no_sealing_key().into());
    }
    let request = Forwarded {
        method: Method::POST,
        key: &there,
        query: &[Parameter::Flag("uploads")],
        headers,
        payload: Some(Payload::bytes("")),
        takes_long: false,
    };
    let answer = s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES).await;
    let answer = answer.map_err(|error| place.failure(&error))?;
    let unexpected = || place.failure(&ProviderError::NotAnObjectStore { status: None });
    let begun = upload_of(answer.body(), ROOT).ok_or_else(unexpected)?;
    let sealed = place.seal_upload(context, &there, &begun)?;
    named(place, key, Some(&sealed), ROOT, &answer).map(Outcome::of)
}

/// The upload that an answer names.
fn upload_of(document: &[u8], root: &'static str) -> Option<UploadId> {
    let mut upload = None;
    let read = bucketry_provider::xml::read(document, root, |element| {
        if element.name == "UploadId" {
            upload = UploadId::new(element.text).ok();
        }
        Ok(())
    });
    read.ok().and(upload)
}

/// `UploadPart`. Dropped in the middle, the part is not stored.
pub(super) async fn upload(way: Way<'_>, part: &Part, payload: PayloadBody) -> Answer {
    let Way { context, place, s3, headers } = way;
    let key = place.key(&part.key)?;
    let upload = place.open_upload(context, &key, &part.upload)?;
    check_length(payload.length(), place.driver.capabilities().multipart.max_part_bytes)?;
    let receipt = payload.receipt();
    let payload = payload.into_driver_payload().await?;
    let query = [Parameter::Number("partNumber", part.number), Parameter::Upload(&upload)];
    let request = Forwarded {
        method: Method::PUT,
        key: &key,
        query: &query,
        headers,
        payload: Some(payload),
        takes_long: false,
    };
    let stored = s3.forward(request).await.map_err(|error| place.upload_failure(&error, &receipt))?;
    Ok(Outcome::of(answer::stored(StatusCode::OK, stored.headers())))
}

/// Which upload is completed.
pub(super) struct Completing {
    pub(super) key: ObjectKey,
    pub(super) upload: SealedUploadId,
    pub(super) conditions: Conditions,
}

/// `CompleteMultipartUpload`: only now the object counts as stored.
pub(super) async fn complete(way: Way<'_>, completing: &Completing, payload: PayloadBody) -> Answer {
    const ROOT: &str = "CompleteMultipartUploadResult";
    let Way { context, place, s3, mut headers } = way;
    conditions::of_writing(&completing.conditions, place.driver.capabilities())?;
    let key = place.key(&completing.key)?;
    let upload = place.open_upload(context, &key, &completing.upload)?;
    let document = payload.collect_bounded(xml::MAX_BYTES).await?;
    let parts = xml::read_parts(&document)?;
    let before = size::before(context, place, &key).await?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let request = Forwarded {
        method: Method::POST,
        key: &key,
        query: &[Parameter::Upload(&upload)],
        headers,
        payload: Some(Payload::bytes(bucketry_provider::s3::parts_document(&parts))),
        takes_long: true,
    };
    context.begin();
    let answer = s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES).await;
    let size_change = match &answer {
        Ok(_) => 0,
        Err(error) => size::in_spite_of(error, context, place, &key, before).await,
    };
    let answer = answer.map_err(|error| Failure { size_change, ..place.failure(&error) })?;
    let response = named(place, &completing.key, None, ROOT, &answer)?;
    Ok(Outcome { response, size_change: size::replaced(context, place, &key, before).await })
}

/// `ListParts`.
pub(super) async fn list(
    way: Way<'_>,
    key: &ObjectKey,
    sealed: &SealedUploadId,
    max_parts: u16,
    after: u32,
) -> Answer {
    const ROOT: &str = "ListPartsResult";
    let Way { context, place, s3, headers } = way;
    let there = place.key(key)?;
    let upload = place.open_upload(context, &there, sealed)?;
    let mut query = vec![Parameter::Upload(&upload), Parameter::Number("max-parts", u32::from(max_parts))];
    if after > 0 {
        query.push(Parameter::Number("part-number-marker", after));
    }
    let request = Forwarded {
        method: Method::GET,
        key: &there,
        query: &query,
        headers,
        payload: None,
        takes_long: false,
    };
    let answer = s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES).await;
    let answer = answer.map_err(|error| place.failure(&error))?;
    named(place, key, Some(sealed.as_str()), ROOT, &answer).map(Outcome::of)
}

/// A document about one object, in the client's names; `upload` is what the client calls the upload. Who owns the bucket
/// at the provider is not told.
fn named(
    place: &Place<'_>,
    key: &ObjectKey,
    upload: Option<&str>,
    root: &'static str,
    answer: &Response<Bytes>,
) -> Result<Response<carry::GatewayBody>, Failure> {
    let document = rewrite(answer.body(), root, |name, _| match name {
        "Bucket" => Element::Holding(place.name.to_owned()),
        "Key" => Element::Holding(key.as_str().to_owned()),
        "Location" => Element::Holding(xml::location(place.name, key.as_str())),
        "UploadId" => upload.map_or(Element::LeftOut, |upload| Element::Holding(upload.to_owned())),
        "Owner" | "Initiator" => Element::LeftOut,
        _ => Element::Kept,
    });
    let document = document.map_err(|_| place.failure(&ProviderError::NotAnObjectStore { status: None }))?;
    let mut response = carry::answer::document(document);
    answer::tell(response.headers_mut(), answer.headers());
    Ok(response)
}
