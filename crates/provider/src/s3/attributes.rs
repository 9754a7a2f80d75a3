//! Object attributes, conditions and what comes back, as headers.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, EXPIRES, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::driver::{ByteRange, Conditions, ObjectAttributes, ObjectInfo, Stored};
use crate::error::ProviderError;

const METADATA: &str = "x-amz-meta-";
const VERSION: &str = "x-amz-version-id";

/// What a condition is on: the object of the request, or the source of a copy.
#[derive(Debug, Clone, Copy)]
pub(super) enum ConditionsOn {
    Object,
    CopySource,
}

impl ConditionsOn {
    /// The names of the conditions, in the order of [`Conditions`].
    fn names(self) -> [HeaderName; 4] {
        match self {
            Self::Object => [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE],
            Self::CopySource => [
                HeaderName::from_static("x-amz-copy-source-if-match"),
                HeaderName::from_static("x-amz-copy-source-if-none-match"),
                HeaderName::from_static("x-amz-copy-source-if-modified-since"),
                HeaderName::from_static("x-amz-copy-source-if-unmodified-since"),
            ],
        }
    }
}

pub(super) fn put_conditions(
    headers: &mut HeaderMap,
    on: ConditionsOn,
    conditions: &Conditions,
) -> Result<(), ProviderError> {
    let date = |time: &Timestamp| {
        rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(time)
            .map_err(|_| ProviderError::InvalidRequest("a condition names a time that HTTP can't express"))
    };
    let modified = conditions.if_modified_since.as_ref().map(date).transpose()?;
    let unmodified = conditions.if_unmodified_since.as_ref().map(date).transpose()?;
    let values = [
        conditions.if_match.as_deref(),
        conditions.if_none_match.as_deref(),
        modified.as_deref(),
        unmodified.as_deref(),
    ];
    for (name, text) in on.names().into_iter().zip(values) {
        if let Some(text) = text {
            headers.insert(name, value(text)?);
        }
    }
    Ok(())
}

pub(super) fn put_attributes(
    headers: &mut HeaderMap,
    attributes: &ObjectAttributes,
) -> Result<(), ProviderError> {
    for (name, text) in [
        (CONTENT_TYPE, &attributes.content_type),
        (CACHE_CONTROL, &attributes.cache_control),
        (CONTENT_DISPOSITION, &attributes.content_disposition),
        (CONTENT_ENCODING, &attributes.content_encoding),
        (CONTENT_LANGUAGE, &attributes.content_language),
        (EXPIRES, &attributes.expires),
    ] {
        if let Some(text) = text {
            headers.insert(name, value(text)?);
        }
    }
    for (name, text) in &attributes.metadata {
        let name = HeaderName::try_from(format!("{METADATA}{name}")).map_err(|_| {
            ProviderError::InvalidRequest("a metadata name holds characters that no header name may hold")
        })?;
        headers.insert(name, value(text)?);
    }
    Ok(())
}

/// A header value of visible ASCII. More than that arrives differently from server to server, and the signature
/// would depend on who reads it how.
pub(super) fn value(text: &str) -> Result<HeaderValue, ProviderError> {
    let visible = text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    let value = visible.then(|| HeaderValue::from_str(text).ok()).flatten();
    value.ok_or(ProviderError::InvalidRequest("attributes, metadata and conditions must be visible ASCII"))
}

pub(super) fn range(range: ByteRange) -> String {
    match range {
        ByteRange::Closed(first, last) => format!("bytes={first}-{last}"),
        ByteRange::From(first) => format!("bytes={first}-"),
        ByteRange::Last(count) => format!("bytes=-{count}"),
    }
}

fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The first and the last byte and the size of the whole object, of `bytes 0-9/100`.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let (range, size) = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, size.parse().ok()?))
}

pub(super) fn info(headers: HeaderMap) -> ObjectInfo {
    let metadata = headers
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().strip_prefix(METADATA)?.to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let length = || text(&headers, CONTENT_LENGTH)?.parse().ok();
    let last_modified = text(&headers, LAST_MODIFIED)
        .and_then(|text| rfc2822::DateTimeParser::new().parse_timestamp(&text).ok());
    ObjectInfo {
        size: content_range(&headers).map(|(_, _, size)| size).or_else(length),
        etag: text(&headers, ETAG),
        last_modified,
        version: version(&headers),
        attributes: ObjectAttributes {
            content_type: text(&headers, CONTENT_TYPE),
            cache_control: text(&headers, CACHE_CONTROL),
            content_disposition: text(&headers, CONTENT_DISPOSITION),
            content_encoding: text(&headers, CONTENT_ENCODING),
            content_language: text(&headers, CONTENT_LANGUAGE),
            expires: text(&headers, EXPIRES),
            metadata,
        },
        headers,
    }
}

/// The version of an answer. Buckets that don't keep versions say nothing, or `null`.
pub(super) fn version(headers: &HeaderMap) -> Option<String> {
    text(headers, VERSION).filter(|version| version != "null")
}

pub(super) fn stored(headers: &HeaderMap) -> Stored {
    Stored { etag: text(headers, ETAG), version: version(headers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_break_or_change_a_header_are_refused() {
        for wrong in ["a\r\nx-amz-acl: public-read", "ü", "a\tb", "\u{7f}"] {
            assert!(value(wrong).is_err(), "{wrong:?}");
            let attributes =
                ObjectAttributes { metadata: vec![("a".into(), wrong.into())], ..Default::default() };
            assert!(put_attributes(&mut HeaderMap::new(), &attributes).is_err());
        }
        for wrong in ["a b", "a:b", "a\nb", "ü"] {
            let attributes =
                ObjectAttributes { metadata: vec![(wrong.into(), "x".into())], ..Default::default() };
            assert!(put_attributes(&mut HeaderMap::new(), &attributes).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn conditions_on_time_are_http_dates() {
        let time = Some("2024-02-29T12:00:00Z".parse().unwrap());
        let mut headers = HeaderMap::new();
        let conditions = Conditions { if_modified_since: time, ..Default::default() };
        put_conditions(&mut headers, ConditionsOn::Object, &conditions).unwrap();
        assert_eq!(headers[IF_MODIFIED_SINCE], "Thu, 29 Feb 2024 12:00:00 GMT");
    }

    #[test]
    fn what_is_known_of_an_object_is_read_from_the_header() {
        let headers = [
            ("content-length", "10"),
            ("content-range", "bytes 5-14/100"),
            ("etag", "\"e\""),
            ("last-modified", "Thu, 29 Feb 2024 12:00:00 GMT"),
            ("x-amz-meta-colour", "blue"),
            ("x-amz-version-id", "null"),
        ];
        let headers: HeaderMap =
            headers.into_iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let info = info(headers);
        assert_eq!(info.size, Some(100), "of the whole object");
        assert_eq!(info.last_modified, "2024-02-29T12:00:00Z".parse().ok());
        assert_eq!(info.attributes.metadata, [("colour".to_owned(), "blue".to_owned())]);
        assert_eq!(info.version, None);
    }
}
