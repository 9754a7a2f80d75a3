//! Decides which conditions a provider can evaluate. A condition that it can't evaluate is refused, never ignored.

use bucketry_provider::driver::{Capabilities, Conditions};
use bucketry_provider::error::{ErrorKind, ProviderError};

use crate::failure::{Failure, FailureKind};
use crate::routing::resolved_bucket::ResolvedBucket;

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

/// Checks the conditions of completing an upload.
pub(crate) fn of_completing(conditions: &Conditions, can: &Capabilities) -> Result<(), Failure> {
    if *conditions != Conditions::default() && !can.conditional_completion {
        return Err(not_implemented(
            "This bucket's provider does not support conditions when a multipart upload is completed. Leave them out, or \
             upload the object with one PUT.",
        ));
    }
    of_writing(conditions, can)
}

/// Finds out why a write with `If-Match` failed. In S3, the missing object is the error, not the condition. Not every
/// provider says so. `key` includes the repository's folder.
pub(crate) async fn unmet(
    resolved: &ResolvedBucket,
    key: &str,
    conditions: &Conditions,
    error: ProviderError,
) -> ProviderError {
    if conditions.if_match.is_none() || error.kind() != Some(ErrorKind::PreconditionFailed) {
        return error;
    }
    match resolved.driver().head(key, &Conditions::default()).await {
        Err(missing) if matches!(missing.kind(), Some(ErrorKind::NotFound | ErrorKind::ObjectNotFound)) => {
            missing
        }
        _ => error,
    }
}

/// Checks the conditions of a read.
pub(crate) fn of_reading(conditions: &Conditions, can: &Capabilities) -> Result<(), Failure> {
    if *conditions == Conditions::default() || can.conditional_get {
        Ok(())
    } else {
        Err(not_implemented("This bucket's provider does not support conditional reads."))
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
        conditional_completion: false,
        expires: false,
        copy: false,
        tags: false,
        version_of_every_object: false,
        hidden_metadata: false,
        object_parts: false,
        checksums: false,
        protocol: S3Protocol::None,
        max_key_bytes: 0,
        max_put_bytes: 0,
        multipart: MultipartLimits { min_part_bytes: 0, max_part_bytes: 0, max_parts: 0 },
    };
    const ALL: Capabilities =
        Capabilities { conditional_get: true, put_if_absent: true, put_if_match: true, ..NOTHING };

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
            let completing = Capabilities { conditional_completion: true, ..ALL };
            assert_eq!(of_completing(conditions, &completing).is_ok(), all, "{conditions:?}");
            assert_eq!(of_completing(conditions, &ALL).is_ok(), nothing, "{conditions:?}");
        }
        assert!(of_reading(&unchanged, &ALL).is_ok());
        assert_eq!(of_reading(&unchanged, &NOTHING).unwrap_err().kind, FailureKind::NotImplemented);
    }
}
