//! Answers, and the headers that describe an object.

use bucketry_provider::driver::{ObjectAttributes, ObjectInfo};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE,
    ETAG, EXPIRES, HeaderName, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::Timestamp;

use crate::execute::GatewayBody;

/// What S3 says of an object that was stored without a type.
const NO_TYPE: HeaderValue = HeaderValue::from_static("binary/octet-stream");

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = status;
    response
}

/// An answer with a document.
pub(crate) fn document(content: Bytes) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::bytes(content));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// Adds a header. What can't be the value of one is left out: it came from a provider, not from the client.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, text: Option<&str>) {
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(name, value);
    }
}

/// A time as HTTP writes it.
fn date(time: Timestamp) -> Option<String> {
    // Before 1970 there were no objects, and years of five digits can't be written.
    (0..253_402_300_800).contains(&time.as_second()).then(|| httpdate::fmt_http_date(time.into()))
}

/// What is known of an object, as its headers.
pub(crate) fn describe(headers: &mut HeaderMap, info: &ObjectInfo) {
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    put(headers, ETAG, info.etag.as_deref());
    put(headers, LAST_MODIFIED, info.last_modified.and_then(date).as_deref());
    let ObjectAttributes {
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        metadata,
    } = &info.attributes;
    headers.insert(CONTENT_TYPE, NO_TYPE);
    for (name, text) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, cache_control),
        (CONTENT_DISPOSITION, content_disposition),
        (CONTENT_ENCODING, content_encoding),
        (CONTENT_LANGUAGE, content_language),
        (EXPIRES, expires),
    ] {
        put(headers, name, text.as_deref());
    }
    for (name, text) in metadata {
        if let Ok(name) = HeaderName::try_from(format!("x-amz-meta-{name}")) {
            put(headers, name, Some(text));
        }
    }
}
