//! Parses headers: ranges, conditions, attributes and the source of a copy.

use std::cmp::Ordering;

use bucketry_provider::driver::{ByteRange, Conditions, ObjectAttributes, VersionId};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::front::s3::date;
use crate::front::s3::error::{Code, Result, S3Error};
use crate::front::s3::operation::target::decode;
use crate::front::s3::operation::{CopySource, ObjectKey};
use crate::front::s3::payload::content_encoding;
use crate::object::range::RangeCondition;

/// What the names of metadata headers begin with.
pub(super) const METADATA: &str = "x-amz-meta-";
/// The most bytes in names and values of metadata together, as in S3.
const MAX_METADATA_BYTES: usize = 2 * 1024;

/// The condition headers for the object of a request: match, none match, modified, unmodified.
pub(super) static OBJECT: [HeaderName; 4] = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
/// The condition headers for the source of a copy, in the same order.
pub(super) static SOURCE: [HeaderName; 4] = [
    HeaderName::from_static("x-amz-copy-source-if-match"),
    HeaderName::from_static("x-amz-copy-source-if-none-match"),
    HeaderName::from_static("x-amz-copy-source-if-modified-since"),
    HeaderName::from_static("x-amz-copy-source-if-unmodified-since"),
];

/// A header as text. Servers disagree on values beyond visible ASCII, so those are refused.
fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Result<Option<String>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    Ok(Some(visible(value)?.to_owned()).filter(|value| !value.is_empty()))
}

fn visible(value: &HeaderValue) -> Result<&str> {
    value.to_str().map_err(|_| {
        S3Error::new(
            Code::InvalidArgument,
            "Headers must be visible ASCII. Encode other characters, for example with percent-encoding.",
        )
    })
}

/// A header as text. A repeated header is a list (RFC 9110 §5.3).
fn list(headers: &HeaderMap, name: HeaderName) -> Result<Option<String>> {
    let mut values = headers.get_all(&name).iter();
    values.next();
    if values.next().is_none() {
        return text(headers, name);
    }
    let all: Vec<&str> = headers.get_all(&name).iter().map(|value| visible(value)).collect::<Result<_>>()?;
    Ok(Some(all.join(",")))
}

/// Parses conditions. An invalid date is ignored (RFC 9110 §13.1.3).
pub(super) fn conditions(headers: &HeaderMap, names: &[HeaderName; 4]) -> Result<Conditions> {
    // Nearly no request has any, and each lookup would hash a name.
    if !headers.keys().any(|name| names.contains(name)) {
        return Ok(Conditions::default());
    }
    let [if_match, if_none_match, modified, unmodified] = names;
    let date = |name| Ok::<_, S3Error>(text(headers, name)?.and_then(|text| date::parse(&text)));
    Ok(Conditions {
        if_match: text(headers, if_match)?,
        if_none_match: text(headers, if_none_match)?,
        if_modified_since: date(modified)?,
        if_unmodified_since: date(unmodified)?,
    })
}

/// The highest position in a range. No object is nearly as large, and every provider can calculate with it: some
/// read larger numbers as malformed.
const MAX_POSITION: u64 = (1 << 53) - 1;

/// Parses a range. Like S3, it ignores everything except a single range of bytes, so the response is the whole
/// object.
pub(super) fn range(headers: &HeaderMap) -> Option<ByteRange> {
    let text = headers.get(RANGE)?.to_str().ok()?;
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => position(last).map(ByteRange::Last),
        (first, "") => position(first).map(ByteRange::From),
        (first, last) => closed(first, last).map(|(first, last)| ByteRange::Closed(first, last)),
    }
}

/// Parses `If-Range`.
pub(super) fn range_condition(headers: &HeaderMap) -> Option<RangeCondition> {
    let condition = headers.get(IF_RANGE)?;
    // What is neither a tag nor a date is no tag of any object, so the response is the whole object.
    let text = condition.to_str().unwrap_or_default().trim();
    Some(date::parse(text).map_or_else(|| RangeCondition::Tag(text.to_owned()), RangeCondition::Date))
}

/// The first and last position of a range. Numbers that differ stay different, however large they are: a range whose
/// end is before its beginning is malformed.
fn closed(first: &str, last: &str) -> Option<(u64, u64)> {
    let (start, end) = (position(first)?, position(last)?);
    let digits = |text: &str| text.trim_start_matches('0').len();
    let is_backwards = match digits(first).cmp(&digits(last)) {
        Ordering::Equal => first.trim_start_matches('0') > last.trim_start_matches('0'),
        order => order == Ordering::Greater,
    };
    (!is_backwards).then_some((start, end))
}

/// Digits only: `+5` is refused. Numbers of any length are accepted.
fn position(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().map_or(MAX_POSITION, |number: u64| number.min(MAX_POSITION)))
}

/// Parses the range of `UploadPartCopy`: `bytes=first-last`, with both ends.
pub(super) fn copy_range(headers: &HeaderMap) -> Result<Option<(u64, u64)>> {
    let Some(text) = text(headers, "x-amz-copy-source-range")? else { return Ok(None) };
    let both = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        closed(first, last)
    };
    both().map(Some).ok_or_else(|| {
        S3Error::new(
            Code::InvalidArgument,
            "x-amz-copy-source-range must be bytes=first-last, for example bytes=0-1048575.",
        )
    })
}

/// Parses the headers and metadata to store with an object.
pub(super) fn attributes(headers: &HeaderMap) -> Result<ObjectAttributes> {
    let mut metadata: Vec<(String, String)> = Vec::new();
    for name in headers.keys() {
        if let Some(short) = name.as_str().strip_prefix(METADATA) {
            let values: Vec<&str> =
                headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("\u{fffd}")).collect();
            let value = values.join(",");
            if short.is_empty() || value.contains('\u{fffd}') {
                return Err(S3Error::new(
                    Code::InvalidArgument,
                    "Each x-amz-meta-… header must have a name after the prefix and a value of visible ASCII. Encode \
                     other characters, for example with percent-encoding.",
                ));
            }
            metadata.push((short.to_owned(), value));
        }
    }
    if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_METADATA_BYTES {
        return Err(S3Error::new(
            Code::MetadataTooLarge,
            "The names and values of the x-amz-meta-… headers exceed 2 KiB in total.",
        ));
    }
    Ok(ObjectAttributes {
        content_type: list(headers, CONTENT_TYPE)?,
        cache_control: list(headers, CACHE_CONTROL)?,
        content_disposition: list(headers, CONTENT_DISPOSITION)?,
        content_encoding: list(headers, CONTENT_ENCODING)?.and_then(|_| content_encoding(headers)),
        content_language: list(headers, CONTENT_LANGUAGE)?,
        expires: list(headers, EXPIRES)?,
        metadata,
    })
}

/// Parses the source of a copy: `bucket/key`, percent-encoded, with an optional slash before and version after it.
pub(super) fn copy_source(headers: &HeaderMap, conditions: Conditions) -> Result<CopySource> {
    let source = text(headers, "x-amz-copy-source")?.unwrap_or_default();
    let (path, version) = match source.split_once("?versionId=") {
        Some((path, version)) => (path, Some(decode(version)?)),
        None => (source.as_str(), None),
    };
    let path = decode(path)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    if path.starts_with("arn:") {
        return Err(S3Error::new(
            Code::NotImplemented,
            "x-amz-copy-source must be bucket/key. ARNs are not supported.",
        ));
    }
    match path.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(CopySource {
            bucket: bucket.to_owned(),
            key: ObjectKey::new(key.to_owned())?,
            version: self::version(version.as_deref())?,
            conditions,
        }),
        _ => Err(S3Error::new(Code::InvalidArgument, "x-amz-copy-source must be bucket/key.")),
    }
}

/// Parses a version. `null` is the only version in a bucket without versioning, and the same as none.
pub(super) fn version(text: Option<&str>) -> Result<Option<VersionId>> {
    text.filter(|text| *text != "null").map(VersionId::new).transpose().map_err(|why| {
        let message = format!("The versionId is not one that this bucket returns: it {why}.");
        S3Error::new(Code::InvalidArgument, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn one_range_of_bytes_is_read_and_the_rest_ignored() {
        let of = |text| range(&headers(&[("range", text)]));
        assert_eq!(of("bytes=0-9"), Some(ByteRange::Closed(0, 9)));
        assert_eq!(of("Bytes = 5 - "), Some(ByteRange::From(5)));
        assert_eq!(of("bytes=-3"), Some(ByteRange::Last(3)));
        for other in [
            "bytes=9-0",
            "bytes=0-1,3-4",
            "bytes=-",
            "items=0-1",
            "bytes=+1-2",
            "x",
            "bytes=99999999999999999999-99999999999999999998",
            "bytes=99999999999999999999-0100",
            "bytes=1-1e3",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_number_of_any_length_is_a_position_after_every_object() {
        let of = |text: String| range(&headers(&[("range", &text)]));
        for huge in ["9007199254740992", "18446744073709551615", "18446744073709551616", &"9".repeat(200)] {
            assert_eq!(of(format!("bytes=1-{huge}")), Some(ByteRange::Closed(1, MAX_POSITION)));
            assert_eq!(of(format!("bytes={huge}-")), Some(ByteRange::From(MAX_POSITION)));
            assert_eq!(
                of(format!("bytes={huge}-{huge}")),
                Some(ByteRange::Closed(MAX_POSITION, MAX_POSITION))
            );
            assert_eq!(of(format!("bytes=-{huge}")), Some(ByteRange::Last(MAX_POSITION)));
            let copied = format!("bytes=5-{huge}");
            let copied = copy_range(&headers(&[("x-amz-copy-source-range", &copied)]));
            assert_eq!(copied, Ok(Some((5, MAX_POSITION))));
        }
        assert_eq!(of("bytes=007-0000000000000000000000000009".to_owned()), Some(ByteRange::Closed(7, 9)));
    }

    #[test]
    fn a_range_may_depend_on_a_tag_or_a_date() {
        let of = |text| range_condition(&headers(&[("if-range", text)])).unwrap();
        assert_eq!(of("\"e\""), RangeCondition::Tag("\"e\"".into()));
        let date = "2026-05-01T10:00:00Z".parse().unwrap();
        assert_eq!(of("Fri, 01 May 2026 10:00:00 GMT"), RangeCondition::Date(date));
        assert_eq!(of("yesterday"), RangeCondition::Tag("yesterday".into()), "no object has this tag");
        assert_eq!(range_condition(&HeaderMap::new()), None);
    }

    #[test]
    fn conditions_take_every_form_of_a_date() {
        for text in
            ["Fri, 01 May 2026 10:00:00 GMT", "Fri, 01 May 2026 10:00:00 -0000", "2026-05-01T10:00:00Z"]
        {
            let given = headers(&[("if-modified-since", text), ("if-unmodified-since", text)]);
            let read = conditions(&given, &OBJECT).unwrap();
            let date = "2026-05-01T10:00:00Z".parse().ok();
            assert_eq!((read.if_modified_since, read.if_unmodified_since), (date, date), "{text}");
        }
    }

    #[test]
    fn the_coding_of_the_request_is_not_kept_with_the_object() {
        let of =
            |coding: &str| attributes(&headers(&[("content-encoding", coding)])).unwrap().content_encoding;
        assert_eq!(of("aws-chunked"), None);
        assert_eq!(of("aws-chunked,gzip"), Some("gzip".to_owned()));
        assert_eq!(of("gzip, aws-chunked"), Some("gzip".to_owned()));
        for unchanged in ["deflate, gzip", "deflate,gzip"] {
            assert_eq!(of(unchanged).as_deref(), Some(unchanged));
            assert_eq!(of(&format!("aws-chunked, {unchanged}")).as_deref(), Some(unchanged));
        }
        let two = [("content-encoding", "aws-chunked"), ("content-encoding", "gzip"), ("cache-control", "a")];
        let two = headers(&[&two[..], &[("cache-control", "b")]].concat());
        let two = attributes(&two).unwrap();
        assert_eq!(
            (two.content_encoding.as_deref(), two.cache_control.as_deref()),
            (Some("gzip"), Some("a,b"))
        );
    }

    #[test]
    fn metadata_is_bounded_and_visible() {
        let repeated = headers(&[("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")]);
        assert_eq!(attributes(&repeated).unwrap().metadata, [("a".to_owned(), "1,2".to_owned())]);
        let long = headers(&[("x-amz-meta-a", &"x".repeat(2_048))]);
        assert_eq!(attributes(&long).unwrap_err().code, Code::MetadataTooLarge);
        let mut umlaut = HeaderMap::new();
        umlaut.insert("x-amz-meta-a", "ü".parse().unwrap());
        assert_eq!(attributes(&umlaut).unwrap_err().code, Code::InvalidArgument);
    }

    #[test]
    fn the_source_of_a_copy_is_unescaped_once() {
        let of = |text| copy_source(&headers(&[("x-amz-copy-source", text)]), Conditions::default());
        let source = of("/b/a%20b%2Bc/%2525?versionId=v%2F1").unwrap();
        assert_eq!((source.bucket.as_str(), source.key.as_str()), ("b", "a b+c/%25"));
        assert_eq!(source.version, VersionId::new("v/1").ok());
        assert_eq!(of("b/k?versionId=null").unwrap().version, None);
        for wrong in ["b", "b/", "/", "", "//k", "b/../x", "b/%zz"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(of("arn:aws:s3:::b/k").unwrap_err().code, Code::NotImplemented);
    }
}
