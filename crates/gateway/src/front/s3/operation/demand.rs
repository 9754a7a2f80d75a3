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
/// Headers that change a new bucket. S3 ignores them in requests about objects.
const DEMANDS_ON_BUCKETS: &[&str] = &["x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"];

/// The values of a header whose values S3 enumerates.
struct KnownValues {
    /// Those that change nothing, because everything here is like this. Some clients always send them.
    usual: &'static [&'static str],
    /// All others that S3 knows.
    others: &'static [&'static str],
}

/// Checks a header that isn't passed on to the provider. Fails if it can't be ignored.
pub(crate) fn check(name: Name, header: &str, headers: &HeaderMap) -> Result<(), Failure> {
    // Nearly all headers end here.
    if !header.starts_with("x-amz-") || header.starts_with(METADATA) {
        return Ok(());
    }
    if let "x-amz-expected-bucket-owner" | "x-amz-source-expected-bucket-owner" = header {
        return check_owner(header, headers);
    }
    let is_of_new_bucket = name == Name::CreateBucket && DEMANDS_ON_BUCKETS.contains(&header);
    if !is_demand(header) && !is_of_new_bucket {
        return Ok(());
    }
    let Some(KnownValues { usual, others }) = known_values(header) else { return Err(not_offered(header)) };
    let all_in = |known: &[&[&str]]| {
        headers
            .get_all(header)
            .iter()
            .all(|value| known.iter().any(|list| list.iter().any(|one| one.as_bytes() == value.as_bytes())))
    };
    if all_in(&[usual]) {
        Ok(())
    } else if others.is_empty() || all_in(&[usual, others]) {
        Err(not_offered(header))
    } else {
        Err(unknown_value(header, usual, others))
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

/// The values of a header, if S3 enumerates them.
fn known_values(header: &str) -> Option<KnownValues> {
    Some(match header {
        "x-amz-acl" => KnownValues {
            usual: &["private", "bucket-owner-full-control"],
            others: &[
                "public-read",
                "public-read-write",
                "authenticated-read",
                "aws-exec-read",
                "bucket-owner-read",
                "log-delivery-write",
            ],
        },
        // Providers have their own classes, and S3 often gets new ones.
        "x-amz-storage-class" => KnownValues { usual: &["STANDARD"], others: &[] },
        "x-amz-tagging-directive" => KnownValues { usual: &["COPY"], others: &["REPLACE"] },
        "x-amz-object-lock-mode" => KnownValues { usual: &[], others: &["GOVERNANCE", "COMPLIANCE"] },
        "x-amz-object-lock-legal-hold" => KnownValues { usual: &["OFF"], others: &["ON"] },
        "x-amz-bypass-governance-retention" | "x-amz-bucket-object-lock-enabled" => {
            KnownValues { usual: &["false"], others: &["true"] }
        }
        "x-amz-object-ownership" => {
            KnownValues { usual: &["BucketOwnerEnforced"], others: &["BucketOwnerPreferred", "ObjectWriter"] }
        }
        _ => return None,
    })
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

/// The error for a value that S3 doesn't have either.
fn unknown_value(header: &str, usual: &[&str], others: &[&str]) -> Failure {
    let known = [usual, others].concat().join(", ");
    Failure::new(FailureKind::InvalidValue, format!("The header {header} must be one of: {known}."))
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
        }
        let twice = checked(Name::PutObject, "x-amz-acl", &["private", "public-read"]);
        assert!(twice.is_err(), "every value counts");
    }

    #[test]
    fn a_value_that_s3_does_not_have_is_told_apart_from_one_that_it_has() {
        for (header, known, unknown) in [
            ("x-amz-acl", "public-read", "public-ready"),
            ("x-amz-acl", "bucket-owner-read", "Private"),
            ("x-amz-acl", "log-delivery-write", ""),
            ("x-amz-tagging-directive", "REPLACE", "replace"),
            ("x-amz-object-lock-mode", "COMPLIANCE", "NONE"),
            ("x-amz-object-lock-legal-hold", "ON", "on"),
            ("x-amz-bypass-governance-retention", "true", "yes"),
        ] {
            let kind = |values: &[&'static str]| checked(Name::PutObject, header, values).unwrap_err().kind;
            assert_eq!(kind(&[known]), FailureKind::NotImplemented, "{header}: {known}");
            assert_eq!(kind(&[unknown]), FailureKind::InvalidValue, "{header}: {unknown}");
            assert_eq!(kind(&[known, unknown]), FailureKind::InvalidValue, "every value counts");
        }
        let refused = checked(Name::PutObject, "x-amz-acl", &["public-ready"]).unwrap_err();
        assert!(refused.message.contains("x-amz-acl must be one of: private, "), "{}", refused.message);
        let class = checked(Name::PutObject, "x-amz-storage-class", &["ARCHIVE"]).unwrap_err();
        assert_eq!(class.kind, FailureKind::NotImplemented, "a provider may have it");
    }

    #[test]
    fn what_a_new_bucket_would_have_counts_only_there() {
        for (header, usual, other) in [
            ("x-amz-bucket-object-lock-enabled", "false", "true"),
            ("x-amz-object-ownership", "BucketOwnerEnforced", "ObjectWriter"),
        ] {
            assert_eq!(checked(Name::CreateBucket, header, &[usual]), Ok(()), "{header}");
            let refused = checked(Name::CreateBucket, header, &[other]).unwrap_err();
            assert_eq!(refused.kind, FailureKind::NotImplemented, "{header}");
            assert_eq!(checked(Name::PutObject, header, &[other]), Ok(()), "{header}");
        }
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
