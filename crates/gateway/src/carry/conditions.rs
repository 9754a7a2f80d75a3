//! Which conditions a provider can keep. One that it can't is refused, never left out.

use bucketry_provider::driver::{Capabilities, Conditions};
use http::HeaderMap;
use http::header::{ETAG, LAST_MODIFIED};
use jiff::Timestamp;

use crate::error::{Code, Result, S3Error};

fn not_implemented(message: &str) -> S3Error {
    S3Error::new(Code::NotImplemented, message)
}

/// Checks conditions on what is written.
pub(crate) fn of_writing(conditions: &Conditions, can: &Capabilities) -> Result<()> {
    let Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since } = conditions;
    if if_modified_since.is_some() || if_unmodified_since.is_some() {
        return Err(not_implemented(
            "Writing knows no conditions on time, only If-Match and If-None-Match: *.",
        ));
    }
    match if_none_match.as_deref() {
        None => {}
        Some("*") if can.put_if_absent => {}
        Some("*") => {
            return Err(not_implemented(
                "This bucket's provider can't store an object only if there is none (If-None-Match: *).",
            ));
        }
        Some(_) => return Err(not_implemented("Of If-None-Match, writing knows only *.")),
    }
    if if_match.is_some() && !can.put_if_match {
        return Err(not_implemented(
            "This bucket's provider can't store an object only if it is unchanged (If-Match).",
        ));
    }
    Ok(())
}

/// Checks conditions on what is read.
pub(crate) fn of_reading(conditions: &Conditions, can: &Capabilities) -> Result<()> {
    if *conditions == Conditions::default() || can.conditional_get {
        Ok(())
    } else {
        Err(not_implemented("This bucket's provider knows no conditions on reading."))
    }
}

/// Checks what a provider answered to a conditional request. Some that are said to speak S3 leave conditions out (RFC 9110
/// §13.2.2 says in which order they count).
pub(crate) fn hold(conditions: &Conditions, answer: &HeaderMap) -> Result<()> {
    if *conditions == Conditions::default() {
        return Ok(());
    }
    let tag = answer.get(ETAG).and_then(|tag| tag.to_str().ok());
    let changed =
        answer.get(LAST_MODIFIED).and_then(|time| httpdate::parse_http_date(time.to_str().ok()?).ok());
    let changed = changed.and_then(|time| Timestamp::try_from(time).ok());
    let names = |tags: &str| {
        tag.is_some_and(|tag| tags.trim() == "*" || tags.split(',').any(|one| bare(one) == bare(tag)))
    };
    let fails = |code, sentence| Err(S3Error::new(code, sentence));
    match (&conditions.if_match, conditions.if_unmodified_since) {
        (Some(tags), _) if tag.is_some() && !names(tags) => {
            return fails(Code::PreconditionFailed, "A condition of the request does not hold.");
        }
        (None, Some(since)) if changed.is_some_and(|changed| changed > since) => {
            return fails(Code::PreconditionFailed, "A condition of the request does not hold.");
        }
        _ => {}
    }
    match (&conditions.if_none_match, conditions.if_modified_since) {
        (Some(tags), _) if names(tags) => fails(Code::NotModified, "The object has not changed."),
        (None, Some(since)) if changed.is_some_and(|changed| changed <= since) => {
            fails(Code::NotModified, "The object has not changed.")
        }
        _ => Ok(()),
    }
}

/// A tag without quotes and mark of weakness.
fn bare(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/").trim_matches('"')
}

/// Checks that a provider answered with the version that was asked for. One that keeps none answers with what there is.
pub(crate) fn is_version(wanted: Option<&str>, answer: &HeaderMap) -> Result<()> {
    match wanted {
        Some(wanted)
            if answer.get("x-amz-version-id").is_none_or(|given| given.as_bytes() != wanted.as_bytes()) =>
        {
            Err(not_implemented("The bucket keeps no versions of its objects: leave versionId out."))
        }
        _ => Ok(()),
    }
}

/// Checks that there are none.
pub(crate) fn none(conditions: &Conditions, what: &str) -> Result<()> {
    if *conditions == Conditions::default() {
        Ok(())
    } else {
        Err(not_implemented(&format!(
            "{what} knows no conditions here, because not every provider has them."
        )))
    }
}

/// Checks that no version is asked for.
pub(crate) fn no_version(version: Option<&str>) -> Result<()> {
    if version.is_none() {
        Ok(())
    } else {
        Err(not_implemented(
            "Versions of objects are not offered here, because not every provider keeps them.",
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
        let text = |text: &str| Some(text.to_owned());
        let time = |time: &str| Some(time.parse().unwrap());
        let none = Conditions::default;
        let answer = HeaderMap::from_iter([
            (ETAG, "\"e\"".parse().unwrap()),
            (LAST_MODIFIED, "Fri, 01 May 2026 10:00:00 GMT".parse().unwrap()),
        ]);
        let (at, later) = ("2026-05-01T10:00:00Z", "2026-05-01T10:00:01Z");
        let before = "2026-05-01T09:59:59Z";
        for (conditions, expected) in [
            (Conditions { if_match: text("\"e\""), ..none() }, None),
            (Conditions { if_match: text("*"), ..none() }, None),
            (Conditions { if_match: text("\"a\", \"e\""), ..none() }, None),
            (Conditions { if_match: text("\"a\""), ..none() }, Some(Code::PreconditionFailed)),
            (Conditions { if_none_match: text("\"a\""), ..none() }, None),
            (Conditions { if_none_match: text("W/\"e\""), ..none() }, Some(Code::NotModified)),
            (Conditions { if_modified_since: time(before), ..none() }, None),
            (Conditions { if_modified_since: time(at), ..none() }, Some(Code::NotModified)),
            (Conditions { if_unmodified_since: time(at), ..none() }, None),
            (Conditions { if_unmodified_since: time(before), ..none() }, Some(Code::PreconditionFailed)),
            // A tag counts for more than a time.
            (Conditions { if_match: text("\"e\""), if_unmodified_since: time(before), ..none() }, None),
            (Conditions { if_none_match: text("\"a\""), if_modified_since: time(later), ..none() }, None),
        ] {
            assert_eq!(hold(&conditions, &answer).err().map(|error| error.code), expected, "{conditions:?}");
        }
        let nothing = Conditions { if_match: text("\"e\""), ..none() };
        assert!(hold(&nothing, &HeaderMap::new()).is_ok(), "what isn't told can't be checked");
        assert!(is_version(None, &answer).is_ok());
        assert!(is_version(Some("v"), &answer).is_err());
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
        assert_eq!(of_reading(&unchanged, &NOTHING).unwrap_err().code, Code::NotImplemented);
    }
}
