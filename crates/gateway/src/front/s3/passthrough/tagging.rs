//! `GetObjectTagging`, `PutObjectTagging`, `DeleteObjectTagging`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Parameter, UpstreamRequest};
use bucketry_provider::error::ProviderError;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use md5::{Digest as _, Md5};

use crate::front::s3::operation::Tagging;
use crate::front::s3::passthrough::document::{XmlElement, rewrite};
use crate::front::s3::passthrough::{PassthroughRequest, response_headers};
use crate::front::s3::response::{self, S3Answer};
use crate::front::s3::xml::{self, MAX_TAGGING_BYTES};
use crate::payload::PayloadBody;

const ROOT: &str = "Tagging";

pub(super) async fn get(incoming: PassthroughRequest<'_>, tagging: &Tagging) -> S3Answer {
    let PassthroughRequest { resolved, s3, headers, .. } = incoming;
    let key = resolved.key(&tagging.key)?;
    let query = query(tagging);
    let request = UpstreamRequest {
        method: Method::GET,
        key: &key,
        query: &query,
        headers,
        payload: None,
        takes_long: false,
    };
    let answer = s3.forward_for_document(request, ROOT, MAX_TAGGING_BYTES).await;
    let answer = answer.map_err(|error| resolved.tags_failure(&error))?;
    let document = rewrite(answer.body(), ROOT, |_, _| XmlElement::Kept)
        .map_err(|_| resolved.failure(&ProviderError::NotAnObjectStore { status: None }))?;
    let mut response = response::document(document.finish());
    response_headers::tell(response.headers_mut(), answer.headers());
    Ok(response)
}

/// `PutObjectTagging`. If it is dropped midway, the tags may still be stored.
pub(super) async fn put(
    incoming: PassthroughRequest<'_>,
    tagging: &Tagging,
    payload: PayloadBody,
) -> S3Answer {
    let PassthroughRequest { resolved, s3, mut headers, .. } = incoming;
    let key = resolved.key(&tagging.key)?;
    let query = query(tagging);
    let document = payload.collect_bounded(MAX_TAGGING_BYTES).await?;
    // Send only what was parsed, not the rest of the client's document.
    let document = xml::tagging(&xml::read_tags(&document)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    let md5 = HeaderValue::from_str(&STANDARD.encode(Md5::digest(&document)));
    if let Ok(md5) = md5 {
        headers.insert(HeaderName::from_static("content-md5"), md5);
    }
    let payload = Some(Payload::bytes(document));
    let request = UpstreamRequest {
        method: Method::PUT,
        key: &key,
        query: &query,
        headers,
        payload,
        takes_long: false,
    };
    let answer = s3.forward(request).await;
    let answer = answer.map_err(|error| resolved.tags_failure(&error))?;
    Ok(response_headers::stored(StatusCode::OK, answer.headers()))
}

pub(super) async fn delete(incoming: PassthroughRequest<'_>, tagging: &Tagging) -> S3Answer {
    let PassthroughRequest { resolved, s3, headers, .. } = incoming;
    let key = resolved.key(&tagging.key)?;
    let query = query(tagging);
    let request = UpstreamRequest {
        method: Method::DELETE,
        key: &key,
        query: &query,
        headers,
        payload: None,
        takes_long: false,
    };
    let answer = s3.forward(request).await;
    let answer = answer.map_err(|error| resolved.tags_failure(&error))?;
    Ok(response_headers::stored(StatusCode::NO_CONTENT, answer.headers()))
}

fn query(tagging: &Tagging) -> Vec<Parameter<'_>> {
    let version = tagging.version.as_ref().map(Parameter::Version);
    std::iter::once(Parameter::Flag("tagging")).chain(version).collect()
}
