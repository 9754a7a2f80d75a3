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
/// How many scans are stored. Each has at most a few thousand findings.
const MOST_SCANS: usize = 64;

/// Cached scans, and the organizations that background tasks go through.
#[derive(Default)]
pub(crate) struct FindingCache {
    slots: Mutex<HashMap<(OrgId, Visibility), Arc<ScanSlot>>>,
    organizations: Mutex<Option<(Timestamp, Arc<[OrgId]>)>>,
    pub(super) hourly: HourlyFacts,
    pub(super) counts: CountCache,
    pub(super) requested_key_checks: RequestedKeyChecks,
}

/// Locked while a scan runs, so that callers at the same time share one.
type ScanSlot = tokio::sync::Mutex<Option<ValidScan>>;

struct ValidScan {
    generation: Generation,
    at: Timestamp,
    scan: Arc<FindingScan>,
}

impl FindingCache {
    /// The cached scan of this generation. If there is none, `scan` runs.
    pub(super) async fn get(
        &self,
        of: (OrgId, Visibility),
        generation: Generation,
        now: Timestamp,
        scan: impl Future<Output = Result<FindingScan>> + Send,
    ) -> Result<Arc<FindingScan>> {
        let slot = self.slot(of);
        let mut last = slot.lock().await;
        if let Some(valid) =
            last.as_ref().filter(|one| one.generation == generation && is_recent(one.at, now))
        {
            return Ok(Arc::clone(&valid.scan));
        }
        let scan = Arc::new(scan.await?);
        *last = Some(ValidScan { generation, at: now, scan: Arc::clone(&scan) });
        Ok(scan)
    }

    fn slot(&self, of: (OrgId, Visibility)) -> Arc<ScanSlot> {
        let mut slots = self.slots.lock();
        if slots.len() >= MOST_SCANS && !slots.contains_key(&of) {
            // Scans that somebody waits for are held by that caller.
            slots.clear();
        }
        Arc::clone(slots.entry(of).or_default())
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
