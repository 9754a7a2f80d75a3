//! The multipart operations except `AbortMultipartUpload`, which gains nothing from forwarding.

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Conditions, Parameter, S3Passthrough, UploadId, UpstreamRequest};
use bucketry_provider::error::ProviderError;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::failure::Failure;
use crate::front::s3::completion::Completion;
use crate::front::s3::conditions::unmet;
use crate::front::s3::operation::{CompleteRequest, ObjectKey, Part, UploadChecksum};
use crate::front::s3::part_etag::PartContent;
use crate::front::s3::passthrough::document::{XmlElement, rewrite};
use crate::front::s3::passthrough::{MAX_DOCUMENT_BYTES, PassthroughRequest, response_headers};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::upload_checksum::VerifiedChecksum;
use crate::front::s3::xml;
use crate::object::body::GatewayBody;
use crate::object::measured_write::{MeasuredWrite, SizeAfter};
use crate::object::multipart::OpenUpload;
use crate::object::put::check_length;
use crate::payload::PayloadBody;
use crate::routing::resolved_bucket::ResolvedBucket;
use crate::routing::upload_id::SealedUploadId;

const ROOT: &str = "InitiateMultipartUploadResult";

/// `CreateMultipartUpload`.
///
/// The checksum of the upload isn't passed on: those of the parts would have to be, and those in trailers arrive too
/// late.
pub(super) async fn create(
    incoming: PassthroughRequest<'_>,
    key: &ObjectKey,
    checksum: Option<UploadChecksum>,
) -> S3Answer {
    let PassthroughRequest { context, resolved, s3, headers } = incoming;
    let there = resolved.key(key)?;
    // Don't start an upload whose id can't be sealed for the client.
    context.key.seals()?;
    let (answer, begun) = begin(resolved, s3, headers, &there).await?;
    let sealed = resolved.seal_upload(&context.key, &there, &begun)?;
    let mut response = named(resolved, key, Some(&sealed), ROOT, &answer, None)?;
    without_checksums(response.headers_mut());
    if let Some(checksum) = checksum {
        checksum.confirm(response.headers_mut());
    }
    Ok(response)
}

/// Removes checksums that the provider computed without being asked to. Clients would repeat them to complete the
/// upload, where only those that the gateway verified are known.
fn without_checksums(headers: &mut HeaderMap) {
    let is_checksum = |name: &&HeaderName| name.as_str().starts_with("x-amz-checksum-");
    let own: Vec<HeaderName> = headers.keys().filter(is_checksum).cloned().collect();
    for name in &own {
        headers.remove(name);
    }
}

/// Begins an upload. Returns the provider's response, and the upload id in it. `key` includes the repository's folder.
pub(super) async fn begin(
    resolved: &ResolvedBucket,
    s3: &dyn S3Passthrough,
    headers: HeaderMap,
    key: &str,
) -> Result<(Response<Bytes>, UploadId), Failure> {
    let request = UpstreamRequest {
        method: Method::POST,
        key,
        query: &[Parameter::Flag("uploads")],
        headers,
        payload: Some(Payload::bytes("")),
        takes_long: false,
    };
    let answer = s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES).await;
    let answer = answer.map_err(|error| resolved.failure(&error))?;
    let unexpected = || resolved.failure(&ProviderError::NotAnObjectStore { status: None });
    let begun = upload_of(answer.body(), ROOT).ok_or_else(unexpected)?;
    Ok((answer, begun))
}

/// The upload id in a response.
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

/// `UploadPart`. If it is dropped midway, the part is not stored.
pub(super) async fn upload(incoming: PassthroughRequest<'_>, part: &Part, payload: PayloadBody) -> S3Answer {
    let PassthroughRequest { context, resolved, s3, headers } = incoming;
    let key = resolved.key(&part.key)?;
    let upload = resolved.open_upload(&context.key, &key, &part.upload)?;
    let size = payload.length();
    check_length(size, resolved.driver().capabilities().multipart.max_part_bytes)?;
    let receipt = payload.receipt();
    let payload = payload.into_driver_payload().await?;
    let query = [Parameter::Number("partNumber", part.number), Parameter::Upload(&upload)];
    let request = UpstreamRequest {
        method: Method::PUT,
        key: &key,
        query: &query,
        headers,
        payload: Some(payload),
        takes_long: false,
    };
    let stored = s3.forward(request).await.map_err(|error| resolved.upload_failure(&error, &receipt))?;
    let mut response = response_headers::stored(StatusCode::OK, stored.headers());
    let headers = response.headers_mut();
    without_checksums(headers);
    if let (Some(checksum), Some(etag)) = (receipt.checksum(), headers.get(ETAG)) {
        let content = PartContent { checksum: checksum.clone(), size };
        let etag = content.add_to(etag.to_str().unwrap_or_default());
        response::put(headers, ETAG, Some(&etag));
    }
    Ok(response)
}

/// `CompleteMultipartUpload`. The object counts as stored only now.
pub(super) async fn complete(
    incoming: PassthroughRequest<'_>,
    request: CompleteRequest,
    payload: PayloadBody,
) -> S3Answer {
    const ROOT: &str = "CompleteMultipartUploadResult";
    let PassthroughRequest { context, resolved, s3, mut headers } = incoming;
    let Completion { key, upload, parts, conditions, checksum, .. } =
        request.read(context, resolved, payload).await?;
    let OpenUpload { key: there, upload } = upload;
    let write = MeasuredWrite::prepare(context, resolved, &there, &Conditions::default()).await?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let request = UpstreamRequest {
        method: Method::POST,
        key: &there,
        query: &[Parameter::Upload(&upload)],
        headers,
        payload: Some(Payload::bytes(bucketry_provider::s3::parts_document(&parts))),
        takes_long: true,
    };
    let completed = s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES);
    match write.run(SizeAfter::Unknown, completed).await {
        Ok(answer) => Ok(named(resolved, &key, None, ROOT, &answer, checksum.as_ref())?),
        Err(error) => {
            let error = unmet(resolved, &there, &conditions, error).await;
            Err(resolved.failure(&error).into())
        }
    }
}

/// `ListParts`.
pub(super) async fn list(
    incoming: PassthroughRequest<'_>,
    key: &ObjectKey,
    sealed: &SealedUploadId,
    max_parts: u16,
    after: u32,
) -> S3Answer {
    const ROOT: &str = "ListPartsResult";
    let PassthroughRequest { context, resolved, s3, headers } = incoming;
    let there = resolved.key(key)?;
    let upload = resolved.open_upload(&context.key, &there, sealed)?;
    let mut query = vec![Parameter::Upload(&upload), Parameter::Number("max-parts", u32::from(max_parts))];
    if after > 0 {
        query.push(Parameter::Number("part-number-marker", after));
    }
    let request = UpstreamRequest {
        method: Method::GET,
        key: &there,
        query: &query,
        headers,
        payload: None,
        takes_long: false,
    };
    let answer = s3.forward_for_document(request, ROOT, MAX_DOCUMENT_BYTES).await;
    let answer = answer.map_err(|error| resolved.failure(&error))?;
    Ok(named(resolved, key, Some(sealed.as_str()), ROOT, &answer, None)?)
}

/// A document about one object, with the client's names. `upload` is the client's id of the upload. The owner of
/// the bucket at the provider is removed. `checksum` replaces that of the provider.
fn named(
    resolved: &ResolvedBucket,
    key: &ObjectKey,
    upload: Option<&str>,
    root: &'static str,
    answer: &Response<Bytes>,
    checksum: Option<&VerifiedChecksum>,
) -> Result<Response<GatewayBody>, Failure> {
    let own = checksum.map_or_else(Vec::new, |checksum| checksum.elements().into());
    let is_list = root == "ListPartsResult";
    let document = rewrite(answer.body(), root, |name, _| match name {
        // Clients would repeat checksums of parts to complete the upload.
        name if own.iter().any(|(own, _)| own == name) => XmlElement::LeftOut,
        name if is_list && name.starts_with("Checksum") => XmlElement::LeftOut,
        "Bucket" => XmlElement::Holding(resolved.name().to_owned()),
        "Key" => XmlElement::Holding(key.as_str().to_owned()),
        "Location" => XmlElement::Holding(xml::location(resolved.name(), key.as_str())),
        "UploadId" => upload.map_or(XmlElement::LeftOut, |upload| XmlElement::Holding(upload.to_owned())),
        "Owner" | "Initiator" => XmlElement::LeftOut,
        _ => XmlElement::Kept,
    });
    let mut document =
        document.map_err(|_| resolved.failure(&ProviderError::NotAnObjectStore { status: None }))?;
    for (name, text) in &own {
        document.element(name, text);
    }
    let mut response = response::document(document.finish());
    response_headers::tell(response.headers_mut(), answer.headers());
    Ok(response)
}
