//! Builds responses, and the headers that describe an object.

use bucketry_provider::driver::{ObjectAttributes, ObjectInfo};
use bucketry_provider::header_text::{disposition, encoded_words};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, EXPIRES, HeaderName, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use jiff::Timestamp;

use crate::front::Answer;
use crate::front::s3::error::S3Error;
use crate::object::body::GatewayBody;

/// The type that S3 returns for an object that was stored without one.
const NO_TYPE: HeaderValue = HeaderValue::from_static("binary/octet-stream");

static X_AMZ_MISSING_META: HeaderName = HeaderName::from_static("x-amz-missing-meta");
static X_AMZ_TAGGING_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");

/// What an S3 client gets from an operation.
pub(crate) type S3Answer = Answer<S3Error>;

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = status;
    response
}

/// A response with an XML document.
pub(crate) fn document(content: Bytes) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::bytes(content));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// Adds a header if the text is a valid value. The text comes from a provider, so the client can't fix an invalid
/// one.
pub(crate) fn put(headers: &mut HeaderMap, name: HeaderName, text: Option<&str>) {
    if let Some(value) = text.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(name, value);
    }
}

/// A time in HTTP format.
fn date(time: Timestamp) -> Option<String> {
    // HTTP dates have four-digit years, and no object is older than 1970.
    (0..253_402_300_800).contains(&time.as_second()).then(|| httpdate::fmt_http_date(time.into()))
}

/// Adds the headers that describe an object.
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
        (CONTENT_ENCODING, content_encoding),
        (CONTENT_LANGUAGE, content_language),
        (EXPIRES, expires),
    ] {
        put(headers, name, text.as_deref().map(encoded_words).as_deref());
    }
    put(headers, CONTENT_DISPOSITION, content_disposition.as_deref().map(disposition).as_deref());
    describe_metadata(headers, metadata);
    if let Some(count) = info.tag_count.filter(|count| *count > 0) {
        headers.insert(&X_AMZ_TAGGING_COUNT, count.into());
    }
}

/// Adds the metadata, and counts what can't be a header, as S3 does.
fn describe_metadata(headers: &mut HeaderMap, metadata: &[(String, String)]) {
    let mut missing: u32 = 0;
    for (name, text) in metadata {
        let name = HeaderName::try_from(format!("x-amz-meta-{name}"));
        match (name, HeaderValue::from_str(&encoded_words(text))) {
            (Ok(name), Ok(value)) if !headers.contains_key(&name) => drop(headers.insert(name, value)),
            _ => missing += 1,
        }
    }
    if missing > 0 {
        headers.insert(&X_AMZ_MISSING_META, missing.into());
    }
}

/// Adds `Content-Range`. `size` is `None` if the size of the object is unknown.
pub(crate) fn put_range(headers: &mut HeaderMap, (first, last): (u64, u64), size: Option<u64>) {
    let size = size.map_or_else(|| "*".to_owned(), |size| size.to_string());
    put(headers, CONTENT_RANGE, Some(&format!("bytes {first}-{last}/{size}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_tools_stored_is_encoded_or_counted() {
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let attributes = ObjectAttributes {
            content_disposition: Some("attachment; filename=\"café.txt\"".into()),
            cache_control: Some("für immer".into()),
            metadata: vec![
                pair("title", "Straße"),
                pair("plain", "x"),
                pair("a b", "no name"),
                pair("Plain", "the same name"),
            ],
            ..Default::default()
        };
        let info = ObjectInfo { attributes, tag_count: Some(2), ..Default::default() };
        let mut headers = HeaderMap::new();
        describe(&mut headers, &info);
        for (name, value) in [
            ("content-disposition", "attachment; filename*=UTF-8''caf%C3%A9.txt"),
            ("cache-control", "=?UTF-8?B?ZsO8ciBpbW1lcg==?="),
            ("x-amz-meta-title", "=?UTF-8?B?U3RyYcOfZQ==?="),
            ("x-amz-meta-plain", "x"),
            ("x-amz-missing-meta", "2"),
            ("x-amz-tagging-count", "2"),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        headers.clear();
        describe(&mut headers, &ObjectInfo::default());
        assert!(!headers.contains_key("x-amz-missing-meta") && !headers.contains_key("x-amz-tagging-count"));
    }
}
