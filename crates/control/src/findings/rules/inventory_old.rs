//! Inventories that are older than their schedules allow.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::OrgId;
use bucketry_model::time::to_wire;
use jiff::{SignedDuration, Timestamp};

use super::several::{SEVERAL, since_several};
use crate::findings::observations::{Observations, TroubledInventory};
use crate::findings::sentence::{argument, count, names};

/// How much later than planned a walk may end at least: it has to wait for others, and takes time.
const LEAST_GRACE: SignedDuration = SignedDuration::from_hours(6);

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let mut old: Vec<(&TroubledInventory, Timestamp)> = seen
        .inventories
        .iter()
        .filter_map(|one| Some((one, old_since(one).filter(|since| *since <= seen.now)?)))
        .collect();
    old.sort_by(|(a, _), (b, _)| a.bucket.name.cmp(&b.bucket.name));
    let group = seen.organization.as_ref().filter(|_| old.len() >= SEVERAL);
    let cause = group.map(|organization| key(organization.id));
    let single = |(one, since): &(&TroubledInventory, Timestamp)| finding(one, *since, cause.clone());
    let mut findings: Vec<Finding> = old.iter().map(single).collect();
    if let Some(organization) = group {
        findings.push(Finding {
            key: key(organization.id),
            severity: Severity::Warning,
            name: organization.name.to_string(),
            workspace_id: None,
            title: "Inventories are old".to_owned(),
            sentence: format!(
                "The inventories of {} are overdue: {}. If none failed, the nodes need more time: raise the requests per \
                 second or the interval.",
                count(old.len() as u64, "bucket"),
                names(old.iter().map(|(one, _)| one.bucket.name.as_str()))
            ),
            command: old.first().map(|(one, _)| format!("bucket inventory {}", argument(&one.bucket.name))),
            since: since_several(old.iter().map(|(_, since)| Some(*since))),
            depends_on: None,
            visible_after: SignedDuration::ZERO,
        });
    }
    findings
}

fn key(id: OrgId) -> FindingKey {
    FindingKey { code: FindingCode::InventoryOld, subject: SubjectKind::Organization, id: id.to_string() }
}

/// From when on the inventory is older than its schedule allows.
fn old_since(one: &TroubledInventory) -> Option<Timestamp> {
    let every = SignedDuration::from_hours(one.every_hours.into());
    let grace = LEAST_GRACE.max(every / 4);
    // Without a result, the time at which the first walk was due or failed counts.
    let expected = match one.last_start {
        Some(start) => start.checked_add(every).ok()?,
        None => one.error.as_ref().map(|(_, at)| *at).or(one.due_at)?,
    };
    expected.checked_add(grace).ok()
}

fn finding(one: &TroubledInventory, since: Timestamp, cause: Option<FindingKey>) -> Finding {
    let last = match one.last_start {
        Some(start) => format!("The last inventory began at {}", to_wire(start)),
        None => "There is no inventory yet".to_owned(),
    };
    let reason = match &one.error {
        Some((reason, _)) => format!(" The bucket couldn't be listed: {reason}"),
        None => " No node has had time for it yet.".to_owned(),
    };
    Finding {
        key: FindingKey {
            code: FindingCode::InventoryOld,
            subject: SubjectKind::Bucket,
            id: one.bucket.id.to_string(),
        },
        severity: Severity::Warning,
        name: one.bucket.name.clone(),
        workspace_id: Some(one.bucket.workspace_id),
        title: "Inventory is old".to_owned(),
        sentence: format!("{last}; one is due every {}.{reason}", hours(one.every_hours)),
        command: Some(format!("bucket inventory {}", argument(&one.bucket.name))),
        since: Some(since),
        depends_on: cause,
        visible_after: SignedDuration::ZERO,
    }
}

fn hours(number: u16) -> String {
    if number == 1 { "hour".to_owned() } else { format!("{number} hours") }
}
