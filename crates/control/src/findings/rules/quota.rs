//! Quotas that are nearly or entirely used.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_store::organization::Organization;
use jiff::SignedDuration;

use crate::findings::observations::Observations;
use crate::findings::sentence::grouped;

/// The share of a quota from which on it is a finding, in per cent.
const NEAR: u64 = 90;

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let Some(organization) = &seen.organization else { return Vec::new() };
    let Organization { bucket_count, bucket_quota, repo_count, repo_quota, .. } = organization;
    let near = |things: &str, used: u64, quota: Option<u64>| {
        let quota = quota?;
        (used.saturating_mul(100) >= quota.saturating_mul(NEAR))
            .then(|| near(organization, things, used, quota))
    };
    let both =
        [near("buckets", *bucket_count, *bucket_quota), near("repositories", *repo_count, *repo_quota)];
    both.into_iter().flatten().collect()
}

fn near(organization: &Organization, things: &str, used: u64, quota: u64) -> Finding {
    let (title, consequence) = if used >= quota {
        ("Quota is used up", format!("No further {things} can be created."))
    } else {
        ("Quota is nearly used up", format!("{} more {things} can be created.", grouped(quota - used)))
    };
    Finding {
        key: FindingKey {
            code: FindingCode::QuotaNear,
            subject: SubjectKind::Organization,
            id: format!("{} {things}", organization.id),
        },
        severity: Severity::Warning,
        name: organization.name.to_string(),
        workspace_id: None,
        title: title.to_owned(),
        sentence: format!(
            "The organization has {} of {} {things}. {consequence} Delete some, or ask the operator to raise the quota.",
            grouped(used),
            grouped(quota)
        ),
        command: None,
        since: None,
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    }
}
