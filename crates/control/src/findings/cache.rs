//! The last scan of each organization, or of the workspaces that some callers see. It stays valid until something that
//! the rules look at changes, but not for longer than a minute, because some findings appear with time alone.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::id::OrgId;
use bucketry_model::role::Visibility;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::counts::CountCache;
use super::hourly::HourlyFacts;
use super::key_checks::RequestedKeyChecks;
use super::outcome::FindingScan;
use crate::Result;
use crate::buckets::Generation;

/// How long a scan is used if nothing changes.
const VALID_FOR: SignedDuration = SignedDuration::from_secs(60);
/// How many scans are stored: those of all organizations that background tasks go through, and of some callers.
const MOST_SCANS: usize = 12_000;
/// How many findings the stored scans have together, at most by one scan more.
const MOST_FINDINGS: usize = 200_000;

/// Cached scans, and the organizations that background tasks go through.
#[derive(Default)]
pub(crate) struct FindingCache {
    slots: Mutex<ScanSlots>,
    organizations: Mutex<Option<(Timestamp, Arc<[OrgId]>)>>,
    pub(super) hourly: HourlyFacts,
    pub(super) counts: CountCache,
    pub(super) requested_key_checks: RequestedKeyChecks,
}

/// Locked while a scan runs, so that callers at the same time share one.
type ScanSlot = tokio::sync::Mutex<Option<ValidScan>>;

/// Whose findings a scan looks for.
type ScanScope = (OrgId, Visibility);

#[derive(Default)]
struct ScanSlots {
    by_scope: HashMap<ScanScope, (Arc<ScanSlot>, usize)>,
    /// The findings of all scans.
    findings: usize,
}

impl ScanSlots {
    /// Forgets everything if there is too much of it. Scans that somebody waits for are held by that caller.
    fn bound(&mut self) {
        if self.by_scope.len() > MOST_SCANS || self.findings > MOST_FINDINGS {
            *self = Self::default();
        }
    }

    fn get(&mut self, of: ScanScope) -> Arc<ScanSlot> {
        self.bound();
        Arc::clone(&self.by_scope.entry(of).or_default().0)
    }

    /// Counts the findings of a scan in place of those of the previous one.
    fn count(&mut self, of: &ScanScope, findings: usize) {
        if let Some((_, counted)) = self.by_scope.get_mut(of) {
            self.findings = self.findings - *counted + findings;
            *counted = findings;
        }
    }
}

/// A value that changes whenever a scan could find something else, apart from what time alone changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScanBasis {
    pub(super) generation: Generation,
    /// Another program records backups, so no generation contains them. `None` where nobody checks how old they are.
    pub(super) last_backup: Option<Timestamp>,
}

struct ValidScan {
    basis: ScanBasis,
    at: Timestamp,
    scan: Arc<FindingScan>,
}

impl FindingCache {
    /// The cached scan of this basis. If there is none, `scan` runs.
    pub(super) async fn get(
        &self,
        of: ScanScope,
        basis: ScanBasis,
        now: Timestamp,
        scan: impl Future<Output = Result<FindingScan>> + Send,
    ) -> Result<Arc<FindingScan>> {
        let slot = self.slots.lock().get(of.clone());
        let mut last = slot.lock().await;
        if let Some(valid) = last.as_ref().filter(|one| one.basis == basis && is_recent(one.at, now)) {
            return Ok(Arc::clone(&valid.scan));
        }
        let scan = Arc::new(scan.await?);
        self.slots.lock().count(&of, scan.findings.len());
        *last = Some(ValidScan { basis, at: now, scan: Arc::clone(&scan) });
        Ok(scan)
    }

    /// Has the next caller scan again.
    pub(crate) fn forget(&self) {
        *self.slots.lock() = ScanSlots::default();
    }

    /// The organizations as they were at most a minute ago.
    pub(super) fn organizations(&self, now: Timestamp) -> Option<Arc<[OrgId]>> {
        let known = self.organizations.lock();
        known.as_ref().filter(|(at, _)| is_recent(*at, now)).map(|(_, ids)| Arc::clone(ids))
    }

    pub(super) fn set_organizations(&self, now: Timestamp, ids: Arc<[OrgId]>) {
        *self.organizations.lock() = Some((now, ids));
    }
}

/// Also false if the clock was set back.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at).abs() < VALID_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(number: u32) -> ScanScope {
        let mut random = [0; 10];
        random[6..].copy_from_slice(&number.to_be_bytes());
        (OrgId::new(Timestamp::UNIX_EPOCH, random), Visibility::Organization)
    }

    #[test]
    fn all_organizations_fit_the_cache_and_their_findings_are_bounded() {
        let mut slots = ScanSlots::default();
        for n in 0..10_000 {
            slots.get(scope(n));
            slots.count(&scope(n), 1);
        }
        assert_eq!((slots.by_scope.len(), slots.findings), (10_000, 10_000));
        for findings in [3_000, 5_000] {
            (0..30).for_each(|n| slots.count(&scope(n), findings));
        }
        assert_eq!(slots.findings, 10_000 - 30 + 30 * 5_000, "a scan replaces the previous one");
        (30..60).for_each(|n| slots.count(&scope(n), 5_000));
        slots.get(scope(0));
        assert_eq!((slots.by_scope.len(), slots.findings), (1, 0));
        slots.count(&scope(99), 7);
        assert_eq!(slots.findings, 0, "it was forgotten meanwhile");
    }
}
