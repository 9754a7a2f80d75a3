//! Decides which headers of a request are passed through.
//!
//! All others are dropped: the client's signature and cookies, headers about one connection, and headers that are
//! for the gateway only. If a dropped `x-amz-…` header can't be ignored, the request is refused.

use bucketry_provider::driver::{ByteRange, Capabilities, S3Protocol};
use http::header::{CONTENT_ENCODING, Entry};
use http::{HeaderMap, HeaderValue};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::operation::{Name, demand};
use crate::front::s3::payload::content_encoding;

const METADATA: &str = "x-amz-meta-";
const CHECKSUM: &str = "x-amz-checksum-";
/// More than most requests have, with room for those of the signature.
const USUAL_HEADERS: usize = 16;

/// The headers to pass through.
pub(super) fn headers(name: Name, can: &Capabilities, given: &HeaderMap) -> Result<HeaderMap, Failure> {
    let is_taken = |header: &str| match header {
        header if header.starts_with(CHECKSUM) => can.checksums,
        header => can.protocol == S3Protocol::Whole || !header.starts_with("x-amz-"),
    };
    let mut passed = HeaderMap::new();
    for (header, value) in given {
        let text = header.as_str();
        if passes_to(name, text) && is_taken(text) {
            // As in `operation`, an empty header counts as absent, except for metadata.
            if !value.is_empty() || text.starts_with(METADATA) {
                check(value)?;
                // Many requests have no header to forward, so nothing is allocated for them.
                if passed.is_empty() {
                    passed.reserve(USUAL_HEADERS);
                }
                match passed.entry(header) {
                    Entry::Vacant(entry) => drop(entry.insert(value.clone())),
                    Entry::Occupied(mut entry) => drop(entry.insert(joined(entry.get(), value)?)),
                }
            }
        } else {
            demand::check(name, text, given)?;
        }
    }
    // `aws-chunked` describes how the request was transferred, which is over by now.
    if passed.remove(CONTENT_ENCODING).is_some()
        && let Some(coding) = content_encoding(given)
    {
        passed.insert(CONTENT_ENCODING, HeaderValue::from_str(&coding).map_err(|_| invisible())?);
    }
    Ok(passed)
}

/// The value of a header that contains a range.
pub(super) fn range_value(range: ByteRange) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&range.to_string()).map_err(|_| invisible())
}

/// Whether a header is stored with an object.
pub(super) fn is_kept(header: &str) -> bool {
    matches!(
        header,
        "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-type"
            | "expires"
    ) || header.starts_with(METADATA)
}

fn passes_to(name: Name, header: &str) -> bool {
    use Name::{
        CompleteMultipartUpload, CopyObject, CreateMultipartUpload, GetObject, GetObjectAttributes,
        HeadObject, ListParts, PutObject, UploadPart, UploadPartCopy,
    };
    match header {
        // The gateway evaluates the range of a HEAD itself, because not every provider does.
        "range" => name == GetObject,
        "if-match" | "if-none-match" => {
            matches!(name, HeadObject | GetObject | PutObject | CompleteMultipartUpload)
        }
        "if-modified-since" | "if-unmodified-since" | "x-amz-checksum-mode" => {
            matches!(name, HeadObject | GetObject)
        }
        "content-md5" => matches!(name, PutObject | UploadPart),
        "x-amz-object-attributes" | "x-amz-max-parts" | "x-amz-part-number-marker" => {
            name == GetObjectAttributes
        }
        "x-amz-storage-class"
        | "x-amz-tagging"
        | "x-amz-server-side-encryption"
        | "x-amz-server-side-encryption-aws-kms-key-id"
        | "x-amz-server-side-encryption-bucket-key-enabled"
        | "x-amz-server-side-encryption-context" => {
            matches!(name, PutObject | CreateMultipartUpload | CopyObject)
        }
        "x-amz-server-side-encryption-customer-algorithm"
        | "x-amz-server-side-encryption-customer-key"
        | "x-amz-server-side-encryption-customer-key-md5" => matches!(
            name,
            HeadObject
                | GetObject
                | GetObjectAttributes
                | PutObject
                | CopyObject
                | CreateMultipartUpload
                | UploadPart
                | UploadPartCopy
                | CompleteMultipartUpload
                | ListParts
        ),
        "x-amz-metadata-directive" | "x-amz-tagging-directive" => name == CopyObject,
        "x-amz-copy-source-if-match"
        | "x-amz-copy-source-if-none-match"
        | "x-amz-copy-source-if-modified-since"
        | "x-amz-copy-source-if-unmodified-since"
        | "x-amz-copy-source-server-side-encryption-customer-algorithm"
        | "x-amz-copy-source-server-side-encryption-customer-key"
        | "x-amz-copy-source-server-side-encryption-customer-key-md5" => {
            matches!(name, CopyObject | UploadPartCopy)
        }
        "x-amz-copy-source-range" => name == UploadPartCopy,
        // Not forwarded for parts. The checksum algorithm must be declared when the upload is created, and trailing
        // checksums of large parts arrive too late to be forwarded.
        "x-amz-checksum-crc32"
        | "x-amz-checksum-crc32c"
        | "x-amz-checksum-crc64nvme"
        | "x-amz-checksum-sha1"
        | "x-amz-checksum-sha256" => name == PutObject,
        header => is_kept(header) && matches!(name, PutObject | CreateMultipartUpload | CopyObject),
    }
}

/// Servers disagree on values beyond visible ASCII, and the signature depends on them.
fn check(value: &HeaderValue) -> Result<(), Failure> {
    if value.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)) { Ok(()) } else { Err(invisible()) }
}

fn invisible() -> Failure {
    Failure::new(
        FailureKind::InvalidValue,
        "Headers must be visible ASCII. Encode other characters, for example with percent-encoding.",
    )
}

/// A repeated header is a list (RFC 9110 §5.3).
fn joined(one: &HeaderValue, other: &HeaderValue) -> Result<HeaderValue, Failure> {
    HeaderValue::from_bytes(&[one.as_bytes(), b",", other.as_bytes()].concat()).map_err(|_| invisible())
}

#[cfg(test)]
mod tests {
    use bucketry_provider::driver::MultipartLimits;
    use http::HeaderName;

    use super::*;
    use crate::front::s3::operation::{Handling, OPERATIONS};

    fn can(protocol: S3Protocol, checksums: bool) -> Capabilities {
        Capabilities {
            list_start_after: true,
            conditional_get: true,
            put_if_absent: true,
            put_if_match: true,
            conditional_completion: true,
            expires: true,
            copy: true,
            tags: false,
            version_of_every_object: false,
            hidden_metadata: false,
            object_parts: false,
            checksums,
            protocol,
            max_key_bytes: 0,
            max_put_bytes: 0,
            multipart: MultipartLimits { min_part_bytes: 0, max_part_bytes: 0, max_parts: 0 },
        }
    }

    fn given(list: &[(&str, &str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn passed(name: Name, list: &[(&str, &str)]) -> Result<Vec<String>, Failure> {
        let passed = headers(name, &can(S3Protocol::Whole, true), &given(list))?;
        Ok(passed.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect())
    }

    #[test]
    fn what_concerns_the_client_and_the_gateway_only_never_goes_on() {
        let own = [
            ("authorization", "AWS4-HMAC-SHA256 …"),
            ("host", "gateway"),
            ("cookie", "a=b"),
            ("connection", "close, x-amz-meta-a"),
            ("proxy-authorization", "x"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("content-length", "5"),
            ("accept-encoding", "gzip"),
            ("forwarded", "for=1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-amz-date", "20260501T100000Z"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-security-token", "t"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("x-amz-request-payer", "requester"),
            ("x-amz-api-version", "2006-03-01"),
            ("x-amz-expected-bucket-owner", "bucketry"),
            ("x-amz-something-new", "1"),
            ("x-amz-copy-source", "b/k"),
            ("x-goog-acl", "public-read"),
            ("x-http-method-override", "DELETE"),
        ];
        for row in OPERATIONS {
            let Handling::Done(name, _) = row.handling else { continue };
            for header in own {
                let value = header.1.replace('…', "x");
                assert_eq!(passed(name, &[(header.0, &value)]), Ok(vec![]), "{name:?} {header:?}");
            }
        }
    }

    #[test]
    fn what_would_open_an_object_or_hold_it_refuses_the_request() {
        for (header, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-grant-read", "x"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-bypass-governance-retention", "true"),
            ("x-amz-write-offset-bytes", "x"),
            ("x-amz-website-redirect-location", "x"),
            ("x-amz-if-match-size", "x"),
        ] {
            for name in [Name::PutObject, Name::GetObject, Name::CopyObject, Name::CreateMultipartUpload] {
                let refused = passed(name, &[(header, value)]).unwrap_err();
                assert_eq!(refused.kind, FailureKind::NotImplemented, "{name:?} {header}");
                assert!(refused.message.contains(header));
            }
        }
        let usual = [("x-amz-acl", "private"), ("x-amz-storage-class", "GLACIER")];
        assert_eq!(passed(Name::PutObject, &usual).unwrap(), ["x-amz-storage-class: GLACIER"]);
        assert!(
            passed(Name::GetObject, &[("x-amz-tagging", "a=b")]).is_err(),
            "reads have no tagging header"
        );
    }

    #[test]
    fn repeated_and_empty_headers_are_sent_as_they_were_understood() {
        let twice =
            [("x-amz-meta-a", "1"), ("x-amz-meta-a", "2"), ("x-amz-meta-b", ""), ("content-type", "")];
        let mut sent = passed(Name::PutObject, &twice).unwrap();
        sent.sort_unstable();
        assert_eq!(sent, ["x-amz-meta-a: 1,2", "x-amz-meta-b: "]);
        let chunked = [("content-encoding", "aws-chunked"), ("content-encoding", "gzip")];
        assert_eq!(passed(Name::PutObject, &chunked).unwrap(), ["content-encoding: gzip"]);
        assert_eq!(passed(Name::PutObject, &chunked[..1]).unwrap(), [""; 0]);
        let mut invisible = HeaderMap::new();
        invisible.insert("x-amz-tagging", "a=ü".parse().unwrap());
        let refused = headers(Name::PutObject, &can(S3Protocol::Whole, true), &invisible).unwrap_err();
        assert_eq!(refused.kind, FailureKind::InvalidValue);
    }

    #[test]
    fn a_provider_of_the_basics_is_not_sent_what_it_would_leave_out() {
        let of =
            |list: &[(&str, &str)]| headers(Name::GetObject, &can(S3Protocol::Basic, false), &given(list));
        assert_eq!(of(&[("range", "bytes=0-1"), ("x-amz-checksum-mode", "ENABLED")]).unwrap().len(), 1);
        let customer_key = [("x-amz-server-side-encryption-customer-key", "k")];
        assert_eq!(of(&customer_key).unwrap_err().kind, FailureKind::NotImplemented);
    }

    /// SDKs send checksums by default, so otherwise every request to such a provider would fail.
    #[test]
    fn a_provider_that_takes_no_checksums_is_not_told_of_any() {
        let checksum = [
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-checksum-mode", "ENABLED"),
            ("x-amz-tagging", "a=1"),
        ];
        for name in [Name::PutObject, Name::GetObject, Name::HeadObject] {
            let sent = &checksum[..if name == Name::PutObject { 3 } else { 2 }];
            let passed = headers(name, &can(S3Protocol::Whole, false), &given(sent)).unwrap();
            assert!(passed.keys().all(|header| header == "x-amz-tagging"), "{name:?} {passed:?}");
            assert!(!headers(name, &can(S3Protocol::Whole, true), &given(sent)).unwrap().is_empty());
        }
    }
}
