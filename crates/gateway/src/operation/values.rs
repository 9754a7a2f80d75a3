//! What the headers of a request say: ranges, conditions, attributes, the source of a copy.

use bucketry_provider::driver::{ByteRange, Conditions, ObjectAttributes, VersionId};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

use crate::error::{Code, Result, S3Error};
use crate::operation::table::Name;
use crate::operation::target::decode;
use crate::operation::{CopySource, ObjectKey};

const METADATA: &str = "x-amz-meta-";
/// The most bytes of names and values of metadata, as S3 has it.
const MAX_METADATA_BYTES: usize = 2 * 1024;

/// The names of the conditions on the object of a request: match, none match, modified, unmodified.
pub(super) static OBJECT: [HeaderName; 4] = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
/// The names of the conditions on the source of a copy, in the same order.
pub(super) static SOURCE: [HeaderName; 4] = [
    HeaderName::from_static("x-amz-copy-source-if-match"),
    HeaderName::from_static("x-amz-copy-source-if-none-match"),
    HeaderName::from_static("x-amz-copy-source-if-modified-since"),
    HeaderName::from_static("x-amz-copy-source-if-unmodified-since"),
];

/// A header as text. More than visible ASCII arrives differently from server to server.
fn text(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Result<Option<String>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let value = value.to_str().map_err(|_| {
        S3Error::new(
            Code::InvalidArgument,
            "Headers and metadata must be visible ASCII; write other characters in an encoding of your own.",
        )
    })?;
    Ok(Some(value.to_owned()).filter(|value| !value.is_empty()))
}

/// Reads conditions. A date that is none is no condition (RFC 9110 §13.1.3).
pub(super) fn conditions(headers: &HeaderMap, names: &[HeaderName; 4]) -> Result<Conditions> {
    let [if_match, if_none_match, modified, unmodified] = names;
    let date = |name| Ok(text(headers, name)?.and_then(|date| time(&date)));
    Ok(Conditions {
        if_match: text(headers, if_match)?,
        if_none_match: text(headers, if_none_match)?,
        if_modified_since: date(modified)?,
        if_unmodified_since: date(unmodified)?,
    })
}

fn time(date: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(date).ok()?).ok()
}

/// Reads a range. As S3 does, what isn't one range of bytes is ignored, and the whole object answered; so is a range
/// that depends on the object being unchanged (`If-Range`), which may always be answered whole (RFC 9110 §14.2).
pub(super) fn range(headers: &HeaderMap) -> Option<ByteRange> {
    if headers.contains_key(IF_RANGE) {
        return None;
    }
    let text = headers.get(RANGE)?.to_str().ok()?;
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", last) => number(last).map(ByteRange::Last),
        (first, "") => number(first).map(ByteRange::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::Closed(first, last))
        }
    }
}

/// Digits only: `+5` is no number here.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Reads the range of a part that is copied: `bytes=first-last`, both given.
pub(super) fn copy_range(headers: &HeaderMap) -> Result<Option<(u64, u64)>> {
    let Some(text) = text(headers, "x-amz-copy-source-range")? else { return Ok(None) };
    let both = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        (first <= last).then_some((first, last))
    };
    both().map(Some).ok_or_else(|| {
        S3Error::new(Code::InvalidArgument, "x-amz-copy-source-range must be bytes=first-last.")
    })
}

/// Reads what is kept with an object.
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
                    "Metadata must have names, and values of visible ASCII; write other characters in an encoding \
                     of your own.",
                ));
            }
            metadata.push((short.to_owned(), value));
        }
    }
    if metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_METADATA_BYTES {
        return Err(S3Error::new(Code::MetadataTooLarge, "Names and values of metadata exceed 2 KiB."));
    }
    Ok(ObjectAttributes {
        content_type: text(headers, CONTENT_TYPE)?,
        cache_control: text(headers, CACHE_CONTROL)?,
        content_disposition: text(headers, CONTENT_DISPOSITION)?,
        content_encoding: text(headers, CONTENT_ENCODING)?.and_then(|coding| without_chunked(&coding)),
        content_language: text(headers, CONTENT_LANGUAGE)?,
        expires: text(headers, EXPIRES)?,
        metadata,
    })
}

/// `aws-chunked` describes how the request travels, not the object.
fn without_chunked(coding: &str) -> Option<String> {
    let kept: Vec<&str> = coding
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty() && !one.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// Reads the source of a copy: `bucket/key`, escaped, perhaps with a slash before and a version behind.
pub(super) fn copy_source(headers: &HeaderMap, conditions: Conditions) -> Result<CopySource> {
    let source = text(headers, "x-amz-copy-source")?.unwrap_or_default();
    let (path, version) = match source.split_once("?versionId=") {
        Some((path, version)) => (path, Some(decode(version)?)),
        None => (source.as_str(), None),
    };
    let path = decode(path)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    if path.starts_with("arn:") {
        return Err(S3Error::new(Code::NotImplemented, "Copy sources are named bucket/key, not by ARNs."));
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

/// Reads a version. `null` is the only one of an object in a bucket without versions, and the same as none.
pub(super) fn version(text: Option<&str>) -> Result<Option<VersionId>> {
    text.filter(|text| *text != "null").map(VersionId::new).transpose().map_err(|why| {
        let message = format!("The versionId is not one that an answer named: it {why}.");
        S3Error::new(Code::InvalidArgument, message)
    })
}

/// Headers that say nothing that must be heeded, or that are heeded.
const UNDERSTOOD: &[&str] = &[
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
    "x-amz-te",
    "x-amz-user-agent",
    "x-amz-security-token",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-algorithm",
    "x-amz-checksum-type",
    "x-amz-checksum-mode",
    "x-amz-mp-object-size",
    "x-amz-request-payer",
    "x-amz-optional-object-attributes",
    "x-amz-object-attributes",
    "x-amz-max-parts",
    "x-amz-part-number-marker",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-metadata-directive",
];

/// The first header that asks for what is not understood, or for what only some providers have. A checksum of a
/// whole upload is such a thing: here only its parts pass by.
pub(super) fn beyond_translation(name: Name, headers: &HeaderMap) -> Option<&str> {
    // A bucket that is not made has no attributes either.
    if name == Name::CreateBucket {
        return None;
    }
    headers.keys().map(HeaderName::as_str).find(|header| is_beyond(name, header, headers))
}

/// Whether a header must be heeded by the provider, and can't be left out: it is neither heeded here, nor asks for what
/// is usual.
pub(crate) fn is_beyond(name: Name, header: &str, headers: &HeaderMap) -> bool {
    header.starts_with("x-amz-")
        && !header.starts_with(METADATA)
        && (name == Name::CompleteMultipartUpload || !header.starts_with("x-amz-checksum-"))
        && !UNDERSTOOD.contains(&header)
        && !asks_for_the_usual(header, headers)
}

/// Some clients always send these, with the value that is the default.
fn asks_for_the_usual(name: &str, headers: &HeaderMap) -> bool {
    let usual: &[&[u8]] = match name {
        "x-amz-acl" => &[b"private", b"bucket-owner-full-control"],
        "x-amz-storage-class" => &[b"STANDARD"],
        "x-amz-tagging-directive" => &[b"COPY"],
        "x-amz-object-lock-legal-hold" => &[b"OFF"],
        _ => return false,
    };
    headers.get_all(name).iter().all(|value| usual.contains(&value.as_bytes()))
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
            "bytes=1-99999999999999999999",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(range(&headers(&[("range", "bytes=0-1"), ("if-range", "\"e\"")])), None);
    }

    #[test]
    fn the_coding_of_the_request_is_not_kept_with_the_object() {
        let of = |coding| attributes(&headers(&[("content-encoding", coding)])).unwrap().content_encoding;
        assert_eq!(of("aws-chunked"), None);
        assert_eq!(of("aws-chunked,gzip"), Some("gzip".to_owned()));
        assert_eq!(of("gzip, aws-chunked"), Some("gzip".to_owned()));
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

    #[test]
    fn demands_that_not_every_provider_meets_are_named() {
        let of = |name, value| {
            let headers = headers(&[(name, value)]);
            beyond_translation(Name::PutObject, &headers).map(str::to_owned)
        };
        for (name, value) in [
            ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-meta-x", "1"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("content-type", "text/plain"),
        ] {
            assert_eq!(of(name, value), None, "{name}");
        }
        for (name, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-server-side-encryption-customer-key", "x"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-website-redirect-location", "/x"),
            ("x-amz-write-offset-bytes", "5"),
            ("x-amz-expected-bucket-owner", "1"),
            ("x-amz-something-new", "1"),
        ] {
            assert_eq!(of(name, value).as_deref(), Some(name));
        }
    }
}
