//! Headers that demand something: the request must be refused if nobody can do it.
//!
//! S3 ignores `x-amz-…` headers that it doesn't know, and clients rely on it: they send headers that only describe
//! the client, or that belong to other operations. The gateway does the same. It must know all headers that change
//! what is stored, returned or permitted, because ignoring one of those would be a silent failure. New ones are
//! likely to belong to one of the families here.

use bucketry_provider::driver::Capabilities;
use http::{HeaderMap, HeaderName};

use crate::failure::{Failure, FailureKind};
use crate::front::s3::operation::table::Name;
use crate::front::s3::operation::values::METADATA;

/// The owner of every bucket. Clients see it in responses, and may name it in `x-amz-expected-bucket-owner`.
pub(crate) const OWNER: &str = "bucketry";

/// Headers that the gateway implements although their names begin like a family of [`FAMILIES`].
const UNDERSTOOD: &[&str] = &[
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-unmodified-since",
];
/// What the names of headers begin with that concern access, retention, encryption and conditions.
const FAMILIES: &[&str] = &[
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
    "x-amz-copy-source",
    "x-amz-rename-source",
    "x-amz-if-",
    "x-amz-source-if-",
];
/// Other headers that change what is stored or permitted.
const DEMANDS: &[&str] = &[
    "x-amz-acl",
    "x-amz-bypass-governance-retention",
    "x-amz-mfa",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-tagging-directive",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

/// Checks a header that isn't passed on to the provider. Fails if it can't be ignored.
pub(crate) fn check(name: Name, header: &str, headers: &HeaderMap) -> Result<(), Failure> {
    // Nearly all headers end here. `CreateBucket` creates nothing, so its headers don't matter.
    if !header.starts_with("x-amz-") || header.starts_with(METADATA) || name == Name::CreateBucket {
        return Ok(());
    }
    match header {
        "x-amz-expected-bucket-owner" | "x-amz-source-expected-bucket-owner" => check_owner(header, headers),
        _ if is_demand(header) && !has_usual_value(header, headers) => Err(not_offered(header)),
        _ => Ok(()),
    }
}

/// Checks all headers, where none is passed on.
pub(crate) fn check_all(name: Name, headers: &HeaderMap) -> Result<(), Failure> {
    headers.keys().map(HeaderName::as_str).try_for_each(|header| check(name, header, headers))
}

/// Checks all headers of an operation that is translated for a provider with these capabilities.
pub(crate) fn check_translated(name: Name, can: &Capabilities, headers: &HeaderMap) -> Result<(), Failure> {
    let mut others = headers.keys().map(HeaderName::as_str).filter(|header| !is_met(name, can, header));
    others.try_for_each(|header| check(name, header, headers))
}

/// Whether the operation does what the header asks for.
fn is_met(name: Name, can: &Capabilities, header: &str) -> bool {
    match header {
        "x-amz-tagging" => {
            can.tags && matches!(name, Name::PutObject | Name::CopyObject | Name::CreateMultipartUpload)
        }
        "x-amz-tagging-directive" => can.tags && name == Name::CopyObject,
        _ => false,
    }
}

/// Whether only a provider could do what a header asks for.
fn is_demand(header: &str) -> bool {
    DEMANDS.contains(&header)
        || (FAMILIES.iter().any(|family| header.starts_with(family)) && !UNDERSTOOD.contains(&header))
}

/// Some clients always send these headers with their default values.
fn has_usual_value(header: &str, headers: &HeaderMap) -> bool {
    let usual: &[&[u8]] = match header {
        "x-amz-acl" => &[b"private", b"bucket-owner-full-control"],
        "x-amz-storage-class" => &[b"STANDARD"],
        "x-amz-tagging-directive" => &[b"COPY"],
        "x-amz-object-lock-legal-hold" => &[b"OFF"],
        "x-amz-bypass-governance-retention" => &[b"false"],
        _ => return false,
    };
    headers.get_all(header).iter().all(|value| usual.contains(&value.as_bytes()))
}

/// A client names the owner so that it doesn't touch a bucket of somebody else. The gateway doesn't know the accounts
/// of providers, so it can confirm only the owner that its own responses name.
fn check_owner(header: &str, headers: &HeaderMap) -> Result<(), Failure> {
    if headers.get_all(header).iter().all(|owner| owner.as_bytes() == OWNER.as_bytes()) {
        return Ok(());
    }
    let message = format!(
        "{header} names another owner than the bucket has: here, the owner of every bucket is {OWNER:?}, as lists \
         show it. Send this name, or leave the header out."
    );
    Err(Failure::new(FailureKind::Forbidden, message))
}

/// The error for a header that can't be ignored and isn't supported.
fn not_offered(header: &str) -> Failure {
    let message = format!(
        "The header {header} requests something that the gateway does not support for this bucket. Remove it, or \
         configure this at the provider."
    );
    Failure::new(FailureKind::NotImplemented, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: Name, header: &'static str, values: &[&'static str]) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(header), value.parse().unwrap());
        }
        check_all(name, &headers)
    }

    #[test]
    fn headers_that_change_nothing_are_ignored() {
        for (header, value) in [
            ("x-amz-acl", "private"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-bypass-governance-retention", "false"),
            ("x-amz-meta-x", "1"),
            ("x-amz-checksum-crc32", "AAAAAA=="),
            ("x-amz-copy-source-if-match", "*"),
            ("content-type", "text/plain"),
            ("x-amz-api-version", "2006-03-01"),
            ("x-amz-client-token", "1"),
            ("x-amz-user-agent", "a"),
            ("x-amz-sdk-retry", "0/0"),
            ("x-amz-something-new", "1"),
        ] {
            assert_eq!(checked(Name::PutObject, header, &[value]), Ok(()), "{header}");
        }
    }

    #[test]
    fn demands_that_not_every_provider_meets_are_named() {
        for (header, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-grant-something-new", "id=1"),
            ("x-amz-storage-class", "GLACIER"),
            ("x-amz-server-side-encryption-customer-key", "x"),
            ("x-amz-copy-source-server-side-encryption-customer-key", "x"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-website-redirect-location", "/x"),
            ("x-amz-write-offset-bytes", "5"),
            ("x-amz-if-match-size", "5"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-bypass-governance-retention", "true"),
            ("x-amz-mfa", "1 2"),
        ] {
            let refused = checked(Name::PutObject, header, &[value]).unwrap_err();
            assert_eq!(refused.kind, FailureKind::NotImplemented, "{header}");
            assert!(refused.message.contains(header));
            assert_eq!(checked(Name::CreateBucket, header, &[value]), Ok(()), "nothing is created");
        }
        let twice = checked(Name::PutObject, "x-amz-acl", &["private", "public-read"]);
        assert!(twice.is_err(), "every value counts");
    }

    #[test]
    fn only_the_owner_that_responses_name_is_the_expected_one() {
        for header in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
            assert_eq!(checked(Name::GetObject, header, &[OWNER]), Ok(()));
            for others in [&["111122223333"][..], &[""], &[OWNER, "111122223333"]] {
                let refused = checked(Name::GetObject, header, others).unwrap_err();
                assert_eq!(refused.kind, FailureKind::Forbidden, "{others:?}");
                assert!(refused.message.contains(header));
            }
        }
    }
}
