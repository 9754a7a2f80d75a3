//! Buckets whose keys open other buckets too: if such a key leaks, more than one bucket is open.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::OrgId;
use bucketry_model::node_protocol::MOST_OTHER_BUCKETS;
use bucketry_store::key_check::BroadKey;
use jiff::SignedDuration;

use super::several::{SEVERAL, since_several};
use crate::findings::observations::{Observations, ObservedBucket};
use crate::findings::sentence::{argument, count, names};

/// How many of them are looked at.
pub(in crate::findings) const MOST_BROAD_KEYS: u32 = 500;

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let group = seen.organization.as_ref().filter(|_| seen.broad_keys.len() >= SEVERAL);
    let cause = group.map(|organization| key(organization.id));
    let single = |(bucket, found): &(ObservedBucket, BroadKey)| finding(bucket, found, cause.clone());
    let mut findings: Vec<Finding> = seen.broad_keys.iter().map(single).collect();
    if let Some(organization) = group {
        let number = count(seen.broad_keys.len() as u64, "bucket");
        let is_all = seen.broad_keys.len() < MOST_BROAD_KEYS as usize;
        let number = if is_all { number } else { format!("at least {number}") };
        findings.push(Finding {
            key: key(organization.id),
            severity: Severity::Info,
            name: organization.name.to_string(),
            workspace_id: None,
            title: "Keys open more than their buckets".to_owned(),
            sentence: format!(
                "The keys of {number} open others at the provider too: {}. Replace each with one that is limited to its \
                 bucket.",
                names(seen.broad_keys.iter().map(|(bucket, _)| bucket.name.as_str()))
            ),
            command: None,
            since: since_several(seen.broad_keys.iter().map(|(_, found)| Some(found.since))),
            depends_on: None,
            visible_after: SignedDuration::ZERO,
        });
    }
    findings
}

fn key(id: OrgId) -> FindingKey {
    FindingKey { code: FindingCode::KeyTooBroad, subject: SubjectKind::Organization, id: id.to_string() }
}

fn finding(bucket: &ObservedBucket, found: &BroadKey, cause: Option<FindingKey>) -> Finding {
    let others = count(found.others, "other bucket");
    // Nodes stop counting there.
    let others = if found.others >= MOST_OTHER_BUCKETS { format!("at least {others}") } else { others };
    Finding {
        key: FindingKey {
            code: FindingCode::KeyTooBroad,
            subject: SubjectKind::Bucket,
            id: bucket.id.to_string(),
        },
        severity: Severity::Info,
        name: bucket.name.clone(),
        workspace_id: Some(bucket.workspace_id),
        title: "Key opens more than the bucket".to_owned(),
        sentence: format!(
            "The key also lists {others} at the provider. Replace it with one that is limited to this bucket: if it is \
             stolen, or used by mistake, the others are safe."
        ),
        command: Some(format!("bucket update {}", argument(&bucket.name))),
        since: Some(found.since),
        depends_on: cause,
        visible_after: SignedDuration::ZERO,
    }
}
