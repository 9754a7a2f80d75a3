//! Headers that all providers share: attributes, conditions, ranges, dates.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, DATE, ETAG, EXPIRES, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use crate::driver::{ByteRange, Conditions, HiddenMetadata, ObjectAttributes, ObjectInfo};
use crate::error::ProviderError;
use crate::header_text::{self, disposition, encoded_words, is_plain};

/// Providers refuse requests whose time differs from theirs by more than this.
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// The header names of conditions on an object, in the field order of [`Conditions`].
pub(crate) const OBJECT_CONDITIONS: [HeaderName; 4] =
    [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];

/// Adds conditions under the given header names, which are in the field order of [`Conditions`].
pub(crate) fn put_conditions(
    headers: &mut HeaderMap,
    names: [HeaderName; 4],
    conditions: &Conditions,
) -> Result<(), ProviderError> {
    let modified = conditions.if_modified_since.map(http_date).transpose()?;
    let unmodified = conditions.if_unmodified_since.map(http_date).transpose()?;
    let values = [
        conditions.if_match.as_deref(),
        conditions.if_none_match.as_deref(),
        modified.as_deref(),
        unmodified.as_deref(),
    ];
    for (name, text) in names.into_iter().zip(values) {
        if let Some(text) = text {
            headers.insert(name, value(text)?);
        }
    }
    Ok(())
}

/// Formats a time as an HTTP date (RFC 9110 §5.6.7).
pub(crate) fn http_date(time: Timestamp) -> Result<String, ProviderError> {
    rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .map_err(|_| ProviderError::InvalidRequest("a condition contains a time that HTTP can't express"))
}

/// Parses an HTTP date.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Whether the server's clock differs so much from ours that it refuses signatures.
pub(crate) fn clock_is_off(headers: &HeaderMap, now: Timestamp) -> bool {
    let theirs = text(headers, DATE).as_deref().and_then(parse_http_date);
    theirs.is_some_and(|theirs| theirs.duration_since(now).abs() > MAX_SKEW)
}

/// A header value of visible ASCII and spaces. Servers differ in how they read other characters, so the signature
/// could fail.
pub(crate) fn value(text: &str) -> Result<HeaderValue, ProviderError> {
    let value = is_plain(text).then(|| HeaderValue::from_str(text).ok()).flatten();
    value.ok_or(ProviderError::InvalidRequest("attributes, metadata and conditions must be visible ASCII"))
}

/// A header value of an attribute or of metadata. Text that a header can't contain as it is, which only other tools
/// store, is encoded.
pub(crate) fn attribute(name: &HeaderName, text: &str) -> Result<HeaderValue, ProviderError> {
    check_attribute(text)?;
    value(&if *name == CONTENT_DISPOSITION { disposition(text) } else { encoded_words(text) })
}

/// Refuses attributes and metadata that no header could return.
pub(crate) fn check_attribute(text: &str) -> Result<(), ProviderError> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(ProviderError::InvalidRequest(
            "attributes and metadata must not contain control characters",
        ));
    }
    Ok(())
}

/// Adds user metadata. Each name gets the prefix.
pub(crate) fn put_metadata(
    headers: &mut HeaderMap,
    prefix: &str,
    metadata: &[(String, String)],
) -> Result<(), ProviderError> {
    for (name, text) in metadata {
        let name = HeaderName::try_from(format!("{prefix}{name}")).map_err(|_| {
            ProviderError::InvalidRequest(
                "a metadata name contains characters that are not allowed in a header name",
            )
        })?;
        let text = attribute(&name, text)?;
        headers.insert(name, text);
    }
    Ok(())
}

/// Adds metadata that only the gateway sees, under the same prefix.
pub(crate) fn put_hidden(
    headers: &mut HeaderMap,
    prefix: &str,
    hidden: &HiddenMetadata,
) -> Result<(), ProviderError> {
    let entries = hidden.entries().map(|(name, text)| (name.to_owned(), text.to_owned()));
    put_metadata(headers, prefix, &entries.collect::<Vec<_>>())
}

/// The text of a `Range` header.
pub(crate) fn range(range: ByteRange) -> String {
    range.to_string()
}

/// A header's value as text. `None` if it is missing or not visible ASCII.
pub(crate) fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Parses `Content-Range`: `bytes 0-9/100` is the first and last offset and the size of the whole object.
pub(crate) fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let (range, size) = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, size.parse().ok()?))
}

/// Reads an object's metadata from response headers. `prefix` is that of user metadata.
pub(crate) fn info(headers: HeaderMap, prefix: &str, version: Option<String>) -> ObjectInfo {
    let mut hidden: Option<Box<HiddenMetadata>> = None;
    let metadata = headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(prefix)?;
            if HiddenMetadata::is_reserved(name) {
                hidden.get_or_insert_default().add(name, header_text::decode(value));
                return None;
            }
            Some((name.to_owned(), header_text::decode(value)))
        })
        .collect();
    let attribute = |name: HeaderName| headers.get(name).map(header_text::decode);
    let length = || text(&headers, CONTENT_LENGTH)?.parse().ok();
    ObjectInfo {
        size: content_range(&headers).map(|(_, _, size)| size).or_else(length),
        etag: text(&headers, ETAG),
        last_modified: text(&headers, LAST_MODIFIED).as_deref().and_then(parse_http_date),
        version,
        attributes: ObjectAttributes {
            content_type: attribute(CONTENT_TYPE),
            cache_control: attribute(CACHE_CONTROL),
            content_disposition: attribute(CONTENT_DISPOSITION),
            content_encoding: attribute(CONTENT_ENCODING),
            content_language: attribute(CONTENT_LANGUAGE),
            expires: attribute(EXPIRES),
            metadata,
        },
        tag_count: None,
        hidden,
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_break_or_change_a_header_are_refused() {
        for wrong in ["ü", "a\tb"] {
            assert!(value(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["a\r\nx-amz-acl: public-read", "\u{7f}", "ü\n"] {
            assert!(value(wrong).is_err(), "{wrong:?}");
            let metadata = [("a".to_owned(), wrong.to_owned())];
            assert!(put_metadata(&mut HeaderMap::new(), "x-", &metadata).is_err());
        }
        for wrong in ["a b", "a:b", "a\nb", "ü"] {
            let metadata = [(wrong.to_owned(), "x".to_owned())];
            assert!(put_metadata(&mut HeaderMap::new(), "x-", &metadata).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn text_of_other_tools_is_read_and_written() {
        let headers = HeaderMap::from_iter([
            (CONTENT_DISPOSITION, HeaderValue::from_bytes("attachment; filename=\"é\"".as_bytes()).unwrap()),
            ("x-m-title".parse().unwrap(), HeaderValue::from_bytes(b"Stra\xdfe").unwrap()),
        ]);
        let attributes = info(headers, "x-m-", None).attributes;
        assert_eq!(attributes.content_disposition.as_deref(), Some("attachment; filename=\"é\""));
        assert_eq!(attributes.metadata, [("title".to_owned(), "Straße".to_owned())]);
        let mut written = HeaderMap::new();
        put_metadata(&mut written, "x-m-", &attributes.metadata).unwrap();
        assert_eq!(written["x-m-title"], "=?UTF-8?B?U3RyYcOfZQ==?=");
        let disposition = attribute(&CONTENT_DISPOSITION, "attachment; filename=\"é\"").unwrap();
        assert_eq!(disposition, "attachment; filename*=UTF-8''%C3%A9");
    }

    #[test]
    fn conditions_on_time_are_http_dates() {
        let time = Some("2024-02-29T12:00:00Z".parse().unwrap());
        let mut headers = HeaderMap::new();
        let conditions = Conditions { if_modified_since: time, ..Default::default() };
        put_conditions(&mut headers, OBJECT_CONDITIONS, &conditions).unwrap();
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
        ];
        let headers: HeaderMap =
            headers.into_iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let info = info(headers, "x-amz-meta-", None);
        assert_eq!(info.size, Some(100), "the size is that of the whole object");
        assert_eq!(info.last_modified, "2024-02-29T12:00:00Z".parse().ok());
        assert_eq!(info.attributes.metadata, [("colour".to_owned(), "blue".to_owned())]);
    }
}
