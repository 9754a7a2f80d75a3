//! Conditions and versions that S3 allows and that are refused here, and those that the provider's response must
//! meet.

use bucketry_provider::conditions::judge;
use bucketry_provider::driver::{Conditions, VersionId};
use bucketry_provider::error::ErrorKind;
use http::HeaderMap;
use http::header::{ETAG, LAST_MODIFIED};
use jiff::Timestamp;

use crate::failure::{Failure, FailureKind};
pub(crate) use crate::object::conditions::{of_completing, of_reading, of_writing, unmet};

fn not_implemented(message: &str) -> Failure {
    Failure::new(FailureKind::NotImplemented, message)
}

/// Evaluates conditions against the provider's response, because some S3-compatible providers ignore them.
pub(crate) fn hold(conditions: &Conditions, answer: &HeaderMap) -> Result<(), Failure> {
    if *conditions == Conditions::default() {
        return Ok(());
    }
    let tag = answer.get(ETAG).and_then(|tag| tag.to_str().ok());
    let changed =
        answer.get(LAST_MODIFIED).and_then(|time| httpdate::parse_http_date(time.to_str().ok()?).ok());
    match judge(conditions, tag, changed.and_then(|time| Timestamp::try_from(time).ok())) {
        Ok(()) => Ok(()),
        Err(ErrorKind::NotModified) => {
            Err(Failure::new(FailureKind::NotModified, "The object has not changed."))
        }
        Err(_) => {
            Err(Failure::new(FailureKind::PreconditionFailed, "A condition of the request does not hold."))
        }
    }
}

/// Checks that the response is for the requested version. A provider without versioning returns the current object.
pub(crate) fn is_version(wanted: Option<&VersionId>, answer: &HeaderMap) -> Result<(), Failure> {
    match wanted {
        Some(wanted)
            if answer
                .get("x-amz-version-id")
                .is_none_or(|given| given.as_bytes() != wanted.as_str().as_bytes()) =>
        {
            Err(not_implemented("The bucket has no versioning. Send the request without versionId."))
        }
        _ => Ok(()),
    }
}

/// Refuses all conditions.
pub(crate) fn none(conditions: &Conditions, what: &str) -> Result<(), Failure> {
    if *conditions == Conditions::default() {
        Ok(())
    } else {
        Err(not_implemented(&format!(
            "{what} does not support conditions, because not every provider has them. Leave them out."
        )))
    }
}

/// Refuses a version.
pub(crate) fn no_version<T>(version: Option<T>) -> Result<(), Failure> {
    if version.is_none() {
        Ok(())
    } else {
        Err(not_implemented(
            "versionId is not supported here, because not every provider has versions. Leave it out.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_left_out_is_checked_by_its_answer() {
        let answer = HeaderMap::from_iter([
            (ETAG, "\"e\"".parse().unwrap()),
            (LAST_MODIFIED, "Fri, 01 May 2026 10:00:00 GMT".parse().unwrap()),
        ]);
        let since = |time: &str| Conditions { if_modified_since: time.parse().ok(), ..Default::default() };
        let tag = |tag: &str| Conditions { if_match: Some(tag.to_owned()), ..Default::default() };
        for (conditions, expected) in [
            (Conditions::default(), None),
            (tag("\"e\""), None),
            (tag("\"a\""), Some(FailureKind::PreconditionFailed)),
            (since("2026-05-01T09:59:59Z"), None),
            (since("2026-05-01T10:00:00Z"), Some(FailureKind::NotModified)),
        ] {
            assert_eq!(
                hold(&conditions, &answer).err().map(|failure| failure.kind),
                expected,
                "{conditions:?}"
            );
        }
        assert!(is_version(None, &answer).is_ok());
        assert!(is_version(VersionId::new("v").ok().as_ref(), &answer).is_err());
    }
}
