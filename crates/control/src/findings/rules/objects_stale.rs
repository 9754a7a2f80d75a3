//! Prefixes whose newest object is too old, such as that of the last backup.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::time::to_wire;
use bucketry_store::freshness::StoredFreshness;
use jiff::SignedDuration;

use crate::findings::observations::{Observations, ObservedBucket};
use crate::findings::sentence::{age, argument, grouped};

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    seen.stale.iter().map(|(bucket, stored)| finding(bucket, stored)).collect()
}

fn finding(bucket: &ObservedBucket, stored: &StoredFreshness) -> Finding {
    let rule = &stored.rule;
    let mut which = if rule.prefix.is_empty() { String::new() } else { format!(" under {}", rule.prefix) };
    if rule.min_bytes > 1 {
        which.extend([" of at least ", &grouped(rule.min_bytes), " bytes"]);
    }
    let newest = match stored.newest_at {
        Some(newest) => format!("The newest object{which} is from {}", to_wire(newest)),
        None => format!("There is no object{which}"),
    };
    let failure = match &stored.error {
        Some(reason) => format!(" The last check failed: {reason}"),
        None => String::new(),
    };
    Finding {
        // One bucket can have several rules.
        key: FindingKey {
            code: FindingCode::ObjectsStale,
            subject: SubjectKind::Bucket,
            id: format!("{} {}", bucket.id, rule.prefix),
        },
        severity: Severity::Critical,
        name: bucket.name.clone(),
        workspace_id: Some(bucket.workspace_id),
        title: "Newest object is too old".to_owned(),
        sentence: format!("{newest}. It must not be older than {}.{failure}", age(rule.max_age)),
        command: Some(format!("bucket freshness list {}", argument(&bucket.name))),
        since: stored.stale_since,
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    }
}
