//! Credentials that have ended or end soon.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::BucketId;
use bucketry_model::time::to_wire;
use bucketry_store::bucket::CredentialEnd;
use jiff::SignedDuration;

use crate::findings::observations::Observations;
use crate::findings::sentence::argument;

/// How long before its end a credential is a finding.
pub const CREDENTIAL_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The key of an ended credential.
pub(super) fn expired_key(id: BucketId) -> FindingKey {
    FindingKey { code: FindingCode::CredentialExpired, subject: SubjectKind::Bucket, id: id.to_string() }
}

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let is_due = |one: &&CredentialEnd| one.expires_at <= seen.now + CREDENTIAL_WARNING;
    seen.credentials.iter().filter(is_due).map(|one| ending(seen, one)).collect()
}

fn ending(seen: &Observations, one: &CredentialEnd) -> Finding {
    let has_ended = one.expires_at <= seen.now;
    let at = to_wire(one.expires_at);
    let (code, severity, title, sentence, since) = if has_ended {
        (
            FindingCode::CredentialExpired,
            Severity::Critical,
            "Credential has expired",
            format!("It expired at {at}. Enter a new one."),
            one.expires_at,
        )
    } else {
        (
            FindingCode::CredentialExpiring,
            Severity::Warning,
            "Credential expires soon",
            format!("It expires at {at}. Enter a new one before that."),
            one.expires_at.checked_sub(CREDENTIAL_WARNING).unwrap_or(one.expires_at),
        )
    };
    Finding {
        key: FindingKey { code, subject: SubjectKind::Bucket, id: one.id.to_string() },
        severity,
        name: one.name.to_string(),
        workspace_id: Some(one.workspace_id),
        title: title.to_owned(),
        sentence,
        command: Some(format!("bucket update {}", argument(one.name.as_str()))),
        since: Some(since),
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    }
}
