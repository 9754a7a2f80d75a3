//! Buckets that nobody has used for a long time.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::OrgId;
use bucketry_model::time::Day;
use jiff::SignedDuration;

use super::several::SEVERAL;
use crate::findings::observations::{Observations, ObservedBucket};
use crate::findings::sentence::{argument, count, names};

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let group = seen.organization.as_ref().filter(|_| seen.unused.len() >= SEVERAL);
    let cause = group.map(|organization| key(organization.id));
    let single = |(bucket, last): &(ObservedBucket, Option<Day>)| finding(seen, bucket, *last, cause.clone());
    let mut findings: Vec<Finding> = seen.unused.iter().map(single).collect();
    if let Some(organization) = group {
        findings.push(Finding {
            key: key(organization.id),
            severity: Severity::Info,
            name: organization.name.to_string(),
            workspace_id: None,
            title: "Buckets are unused".to_owned(),
            sentence: format!(
                "{} had no traffic through the gateway for {} days: {}. Programs may still use them directly.",
                count(seen.unused_count, "bucket"),
                seen.unused_after_days,
                names(seen.unused.iter().map(|(bucket, _)| bucket.name.as_str()))
            ),
            command: None,
            since: None,
            depends_on: None,
            visible_after: SignedDuration::ZERO,
        });
    }
    findings
}

fn key(id: OrgId) -> FindingKey {
    FindingKey { code: FindingCode::BucketUnused, subject: SubjectKind::Organization, id: id.to_string() }
}

fn finding(
    seen: &Observations,
    bucket: &ObservedBucket,
    last: Option<Day>,
    cause: Option<FindingKey>,
) -> Finding {
    let last = match last {
        Some(day) => format!("It last had traffic on {day}"),
        None => "It never had traffic".to_owned(),
    };
    Finding {
        key: FindingKey {
            code: FindingCode::BucketUnused,
            subject: SubjectKind::Bucket,
            id: bucket.id.to_string(),
        },
        severity: Severity::Info,
        name: bucket.name.clone(),
        workspace_id: Some(bucket.workspace_id),
        title: "Bucket is unused".to_owned(),
        sentence: format!(
            "{last} through the gateway; --unused-after is {} days. Programs may still use it directly.",
            seen.unused_after_days
        ),
        command: Some(format!("bucket show {}", argument(&bucket.name))),
        since: None,
        depends_on: cause,
        visible_after: SignedDuration::ZERO,
    }
}
