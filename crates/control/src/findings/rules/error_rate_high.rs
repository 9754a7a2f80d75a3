//! Buckets that nodes reach, but too many of whose requests fail at the provider.
//!
//! Requests that were refused by the gateway or by the provider, such as those for missing objects, aren't failures. A
//! bucket that was OFFLINE counts from the minute in which it is reached again: its outage was another finding.

use bucketry_model::finding::{Finding, FindingCode, FindingKey, Severity, SubjectKind};
use bucketry_model::id::BucketId;
use jiff::{SignedDuration, Timestamp};

use crate::findings::observations::{FailingBucket, Observations};
use crate::findings::sentence::{argument, count};

/// The time in which requests are added up.
pub(in crate::findings) const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// How soon a bucket is reached that never was OFFLINE.
const FIRST_PROBE: SignedDuration = SignedDuration::from_mins(1);
/// With fewer requests in that time, a rate says little.
const LEAST_REQUESTS: u64 = 50;

pub(super) fn check(seen: &Observations) -> Vec<Finding> {
    let Some(limit) = seen.error_rate else { return Vec::new() };
    seen.failing.iter().filter_map(|bucket| finding(bucket, limit)).collect()
}

/// Whether a bucket that is ONLINE since then is new, so that it wasn't OFFLINE before.
fn is_first(id: BucketId, online_since: Timestamp) -> bool {
    id.created().is_some_and(|created| online_since.duration_since(created) < FIRST_PROBE)
}

fn finding(failing: &FailingBucket, limit: u8) -> Option<Finding> {
    let FailingBucket { bucket, online_since, minutes } = failing;
    let back_since = online_since.filter(|since| !is_first(bucket.id, *since));
    let counts = |minute: i64| back_since.is_none_or(|since| minute >= since.as_second());
    let (mut requests, mut failed, mut first) = (0_u64, 0_u64, None);
    for one in minutes.iter().filter(|one| counts(one.minute)) {
        requests = requests.saturating_add(one.requests);
        failed = failed.saturating_add(one.failed);
        if one.failed > 0 && first.is_none_or(|first| one.minute < first) {
            first = Some(one.minute);
        }
    }
    let is_high = failed.saturating_mul(100) >= requests.saturating_mul(limit.into());
    if requests < LEAST_REQUESTS || failed == 0 || !is_high {
        return None;
    }
    let per_cent = failed.saturating_mul(100) / requests;
    Some(Finding {
        key: FindingKey {
            code: FindingCode::ErrorRateHigh,
            subject: SubjectKind::Bucket,
            id: bucket.id.to_string(),
        },
        severity: Severity::Critical,
        name: bucket.name.clone(),
        workspace_id: Some(bucket.workspace_id),
        title: "Many requests fail".to_owned(),
        sentence: format!(
            "Of the last {} within {} minutes, {per_cent} % failed at the provider, although the node reaches the \
             bucket; --error-rate is {limit} %. Look at the provider's status page, and at its limits of requests.",
            count(requests, "request"),
            WINDOW.as_mins(),
        ),
        command: Some(format!("bucket usage {} --by minute", argument(&bucket.name))),
        since: first.and_then(|minute| Timestamp::from_second(minute).ok()),
        depends_on: None,
        visible_after: SignedDuration::ZERO,
    })
}
