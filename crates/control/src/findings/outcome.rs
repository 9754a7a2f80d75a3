//! What a scan found, and what of it is shown.

use std::cmp::Reverse;
use std::collections::HashSet;

use bucketry_model::finding::{Finding, FindingKey};
use jiff::Timestamp;

/// How many findings a list shows.
pub(super) const MOST_SHOWN: usize = 1_000;

/// Everything that a scan found, also what another finding explains and what hasn't lasted long enough to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingScan {
    /// The most urgent first, of these the oldest.
    pub findings: Vec<Finding>,
    /// How many buckets need attention that were only counted.
    pub more: u64,
    /// Whether something wasn't looked at, because only a newer version can read it.
    pub left_out: bool,
}

/// A list of findings to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingReport {
    /// The most urgent first, of these the oldest. At most 1,000.
    pub findings: Vec<Finding>,
    /// How many others there are.
    pub more: u64,
}

impl FindingScan {
    pub(super) fn new(mut findings: Vec<Finding>, more: u64) -> Self {
        // Those of unknown age come last.
        findings.sort_by_cached_key(|one| {
            (Reverse(one.severity), one.since.unwrap_or(Timestamp::MAX), one.name.clone(), one.key.clone())
        });
        Self { findings, more, left_out: false }
    }

    /// What to show now to somebody who may see the selected findings. What another one explains is hidden only if that
    /// one is shown.
    pub fn shown(&self, now: Timestamp, may_see: impl Fn(&Finding) -> bool) -> FindingReport {
        let visible: Vec<&Finding> =
            self.findings.iter().filter(|one| one.is_visible(now) && may_see(one)).collect();
        let keys: HashSet<&FindingKey> = visible.iter().map(|one| &one.key).collect();
        let is_explained = |one: &Finding| one.depends_on.as_ref().is_some_and(|cause| keys.contains(cause));
        let shown = visible.into_iter().filter(|one| !is_explained(one));
        let mut findings: Vec<Finding> = shown.cloned().collect();
        let cut = findings.len().saturating_sub(MOST_SHOWN);
        findings.truncate(MOST_SHOWN);
        FindingReport { findings, more: self.more + cut as u64 }
    }
}

#[cfg(test)]
mod tests {
    use bucketry_model::finding::{FindingCode, Severity, SubjectKind};
    use jiff::SignedDuration;

    use super::*;

    fn key(id: &str) -> FindingKey {
        FindingKey { code: FindingCode::BucketOffline, subject: SubjectKind::Bucket, id: id.to_owned() }
    }

    fn finding(id: &str, severity: Severity, since: Option<i64>) -> Finding {
        Finding {
            key: key(id),
            severity,
            name: id.to_owned(),
            workspace_id: None,
            title: String::new(),
            sentence: String::new(),
            command: None,
            since: since.map(at),
            depends_on: None,
            visible_after: SignedDuration::from_secs(30),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn shown(scan: &FindingScan, second: i64) -> Vec<String> {
        scan.shown(at(second), |_| true).findings.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn the_most_urgent_come_first_and_of_these_the_oldest() {
        use Severity::{Critical, Info, Warning};
        let scan = FindingScan::new(
            vec![
                finding("info", Info, Some(1)),
                finding("young", Critical, Some(20)),
                finding("ageless", Critical, None),
                finding("old", Critical, Some(10)),
                finding("warning", Warning, Some(2)),
            ],
            0,
        );
        assert_eq!(shown(&scan, 100), ["old", "young", "ageless", "warning", "info"]);
    }

    #[test]
    fn what_a_shown_finding_explains_is_hidden() {
        let explained =
            |id, cause| Finding { depends_on: Some(key(cause)), ..finding(id, Severity::Critical, Some(0)) };
        let all = vec![
            finding("cause", Severity::Critical, Some(50)),
            explained("bucket", "cause"),
            explained("chained", "bucket"),
            explained("orphan", "gone"),
        ];
        let scan = FindingScan::new(all, 7);
        assert_eq!(shown(&scan, 79), ["bucket", "orphan"], "the cause may only be flapping");
        assert_eq!(shown(&scan, 80), ["orphan", "cause"]);
        let unseen = scan.shown(at(80), |one| one.name != "cause");
        assert_eq!(unseen.findings.len(), 2, "who can't see the cause sees the effect");
        assert_eq!(unseen.more, 7);
    }

    #[test]
    fn a_list_is_bounded_and_counts_the_rest() {
        let all = (0..1_500).map(|n| finding(&n.to_string(), Severity::Critical, Some(0))).collect();
        let report = FindingScan::new(all, 20).shown(at(100), |_| true);
        assert_eq!((report.findings.len(), report.more), (1_000, 520));
    }
}
