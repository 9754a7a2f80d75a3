//! Multipart uploads that nobody completed. Their parts use storage until somebody aborts them.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::node_protocol::ABANDONED_AFTER_DAYS;
use bucketry_model::time::to_wire;
use bucketry_store::freshness::AbandonedUploads;
use jiff::SignedDuration;

use crate::findings::observations::{Observations, ObservedBucket};
use crate::findings::sentence::{argument, count, size};

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    seen.uploads.iter().map(|(bucket, uploads)| finding(bucket, uploads)).collect()
}

fn finding(bucket: &ObservedBucket, uploads: &AbandonedUploads) -> Finding {
    let number = count(uploads.count, "multipart upload");
    let number = if uploads.complete { number } else { format!("At least {number}") };
    let (were, uses) = if uploads.count == 1 { ("was", "uses") } else { ("were", "use") };
    let bytes = uploads.bytes.map_or_else(String::new, |bytes| format!(" and {uses} {}", size(bytes)));
    let since = uploads.oldest.checked_add(SignedDuration::from_hours(24 * ABANDONED_AFTER_DAYS)).ok();
    Finding {
        key: FindingKey {
            code: FindingCode::UploadsAbandoned,
            subject: SubjectKind::Bucket,
            id: bucket.id.to_string(),
        },
        severity: Severity::Warning,
        name: bucket.name.clone(),
        workspace_id: Some(bucket.workspace_id),
        title: "Uploads were abandoned".to_owned(),
        sentence: format!(
            "{number} {were} never completed{bytes}. The oldest began at {}. Abort them, or set a lifecycle rule at the \
             provider that aborts such uploads.",
            to_wire(uploads.oldest)
        ),
        command: Some(format!(
            "bucket clean {} --uploads-older-than {ABANDONED_AFTER_DAYS}d --dry-run",
            argument(&bucket.name)
        )),
        since,
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    }
}
