//! Buckets that are registered more than once. That is allowed, with another credential or in another workspace.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use jiff::SignedDuration;

use crate::findings::observations::{Observations, ObservedBucket};
use crate::findings::sentence::{argument, names};

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    seen.registrations.iter().filter_map(|group| finding(group)).collect()
}

fn finding(group: &[ObservedBucket]) -> Option<Finding> {
    let (first, others) = group.split_first()?;
    Some(Finding {
        key: FindingKey {
            code: FindingCode::BucketsOverlap,
            subject: SubjectKind::Bucket,
            id: first.id.to_string(),
        },
        severity: Severity::Info,
        name: first.name.clone(),
        workspace_id: Some(first.workspace_id),
        title: "Bucket is registered more than once".to_owned(),
        sentence: format!(
            "It is the same bucket at the provider as {}. Each is probed and counted separately, and everyone who may use \
             one of them can reach the same objects.",
            names(others.iter().map(|one| one.name.as_str()))
        ),
        command: Some(format!("bucket show {}", argument(&first.name))),
        since: None,
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    })
}
