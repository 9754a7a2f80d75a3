//! Decides which conditions a provider can evaluate. A condition that it can't evaluate is refused, never ignored.

use bucketry_provider::conditions::judge;
use bucketry_provider::driver::{Capabilities, Conditions, VersionId};
use bucketry_provider::error::ErrorKind;
use http::HeaderMap;
use http::header::{ETAG, LAST_MODIFIED};
use jiff::Timestamp;

use crate::failure::{Failure, FailureKind};

fn not_implemented(message: &str) -> Failure {
    Failure::new(FailureKind::NotImplemented, message)
}

/// Checks the conditions of a write.
pub(crate) fn of_writing(conditions: &Conditions, can: &Capabilities) -> Result<(), Failure> {
    let Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since } = conditions;
    if if_modified_since.is_some() || if_unmodified_since.is_some() {
        return Err(not_implemented(
            "Writes do not support If-Modified-Since and If-Unmodified-Since. Use If-Match or If-None-Match: *.",
        ));
    }
    match if_none_match.as_deref() {
        None => {}
        Some("*") if can.put_if_absent => {}
        Some("*") => {
            return Err(not_implemented(
                "This bucket's provider does not support writes with If-None-Match. Leave it out.",
            ));
        }
        Some(_) => return Err(not_implemented("Writes support If-None-Match only with *.")),
    }
    if if_match.is_some() && !can.put_if_match {
        return Err(not_implemented(
            "This bucket's provider does not support writes with If-Match. Leave it out.",
        ));
    }
    Ok(())
}

/// Checks the conditions of a read.
pub(crate) fn of_reading(conditions: &Conditions, can: &Capabilities) -> Result<(), Failure> {
    if *conditions == Conditions::default() || can.conditional_get {
        Ok(())
    } else {
        Err(not_implemented("This bucket's provider does not support conditional reads."))
    }
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
    use bucketry_provider::driver::{MultipartLimits, S3Protocol};

    use super::*;

    const NOTHING: Capabilities = Capabilities {
        list_start_after: false,
        conditional_get: false,
        put_if_absent: false,
        put_if_match: false,
        copy: false,
        list_uploads: false,
        tags: false,
        checksums: false,
        protocol: S3Protocol::None,
        max_key_bytes: 0,
        max_put_bytes: 0,
        multipart: MultipartLimits { min_part_bytes: 0, max_part_bytes: 0, max_parts: 0 },
    };
    const ALL: Capabilities =
        Capabilities { conditional_get: true, put_if_absent: true, put_if_match: true, ..NOTHING };

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

    #[test]
    fn a_condition_that_the_provider_lacks_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        let absent = Conditions { if_none_match: text("*"), ..Default::default() };
        let unchanged = Conditions { if_match: text("\"e\""), ..Default::default() };
        let other = Conditions { if_none_match: text("\"e\""), ..Default::default() };
        let time =
            Conditions { if_unmodified_since: "2026-01-01T00:00:00Z".parse().ok(), ..Default::default() };
        for (conditions, all, nothing) in [
            (&Conditions::default(), true, true),
            (&absent, true, false),
            (&unchanged, true, false),
            (&other, false, false),
            (&time, false, false),
        ] {
            assert_eq!(of_writing(conditions, &ALL).is_ok(), all, "{conditions:?}");
            assert_eq!(of_writing(conditions, &NOTHING).is_ok(), nothing, "{conditions:?}");
        }
        assert!(of_reading(&unchanged, &ALL).is_ok());
        assert_eq!(of_reading(&unchanged, &NOTHING).unwrap_err().kind, FailureKind::NotImplemented);
    }
}
