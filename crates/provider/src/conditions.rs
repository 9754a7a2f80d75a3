//! Evaluates conditions locally for providers that don't: before a request, or on a response.

use jiff::{SignedDuration, Timestamp};

use crate::driver::Conditions;
use crate::error::ErrorKind;

/// Checks conditions on an object (RFC 9110 §13.2.2). Times are compared in whole seconds, as in HTTP dates.
pub fn judge(
    conditions: &Conditions,
    etag: Option<&str>,
    last_modified: Option<Timestamp>,
) -> Result<(), ErrorKind> {
    let newer_than = |time: Timestamp| {
        last_modified.is_some_and(|modified| modified.duration_since(time) >= SignedDuration::from_secs(1))
    };
    match (&conditions.if_match, conditions.if_unmodified_since) {
        (Some(wanted), _) if !names(wanted, etag) => return Err(ErrorKind::PreconditionFailed),
        (None, Some(time)) if newer_than(time) => return Err(ErrorKind::PreconditionFailed),
        _ => {}
    }
    match (&conditions.if_none_match, conditions.if_modified_since) {
        (Some(unwanted), _) if names(unwanted, etag) => Err(ErrorKind::NotModified),
        (None, Some(time)) if last_modified.is_some() && !newer_than(time) => Err(ErrorKind::NotModified),
        _ => Ok(()),
    }
}

/// Whether a list of entity tags contains `etag`. `*` matches every object.
fn names(list: &str, etag: Option<&str>) -> bool {
    fn bare(text: &str) -> &str {
        text.trim().trim_start_matches("W/").trim_matches('"')
    }
    list.trim() == "*" || etag.is_some_and(|etag| list.split(',').any(|one| bare(one) == bare(etag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(conditions: &Conditions) -> Option<ErrorKind> {
        judge(conditions, Some("\"a\""), "2026-01-01T00:00:00.5Z".parse().ok()).err()
    }

    #[test]
    fn tags_come_before_times() {
        let early = "2025-01-01T00:00:00Z".parse().ok();
        let late = "2026-01-01T00:00:00Z".parse().ok();
        let of = |text: &str| Some(text.to_owned());
        for (conditions, expected) in [
            (Conditions::default(), None),
            (Conditions { if_match: of("\"b\", \"a\""), ..Default::default() }, None),
            (Conditions { if_match: of("\"b\""), ..Default::default() }, Some(ErrorKind::PreconditionFailed)),
            (Conditions { if_match: of("*"), if_unmodified_since: early, ..Default::default() }, None),
            (Conditions { if_none_match: of("W/\"a\""), ..Default::default() }, Some(ErrorKind::NotModified)),
            (Conditions { if_none_match: of("\"b\""), if_modified_since: late, ..Default::default() }, None),
            (Conditions { if_modified_since: late, ..Default::default() }, Some(ErrorKind::NotModified)),
            (Conditions { if_modified_since: early, ..Default::default() }, None),
            (Conditions { if_unmodified_since: late, ..Default::default() }, None),
            (
                Conditions { if_unmodified_since: early, ..Default::default() },
                Some(ErrorKind::PreconditionFailed),
            ),
        ] {
            assert_eq!(judged(&conditions), expected, "{conditions:?}");
        }
    }
}
