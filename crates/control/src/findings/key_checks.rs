//! Has nodes find out whether keys open more than their buckets: all keys in rounds, and those of buckets that were changed
//! or validated soon afterwards.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::node_protocol::{KeyChecks, MAX_KEY_CHECKS, Outcome, Task};
use bucketry_model::pinning::BucketPins;
use bucketry_store::key_check::DueKeyCheck;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::{Control, Result};

/// How long to wait between two batches of buckets: a million buckets take less than a day.
const EVERY: Duration = Duration::from_secs(4);
/// How long a node may take for a batch.
const WITHIN: Duration = Duration::from_secs(50);
/// How long after a change of a bucket nodes have it.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);
/// How many buckets may wait for a check out of turn. Further ones wait for the next round.
const MOST_REQUESTED: usize = 10_000;

/// Buckets whose keys are checked out of turn, and when they were changed or validated. Only in memory: if the process ends,
/// the next round checks them.
#[derive(Debug, Default)]
pub(super) struct RequestedKeyChecks(Mutex<HashMap<BucketId, (OrgId, Timestamp)>>);

impl RequestedKeyChecks {
    fn add(&self, org_id: OrgId, bucket_id: BucketId, now: Timestamp) {
        let mut requested = self.0.lock();
        if requested.len() < MOST_REQUESTED || requested.contains_key(&bucket_id) {
            requested.insert(bucket_id, (org_id, now));
        }
    }

    /// Removes and returns those that nodes have by now.
    fn take(&self, now: Timestamp, most: usize) -> Vec<DueKeyCheck> {
        // The clock may have been set back.
        let is_settled = |at: Timestamp| now.duration_since(at).abs() >= SETTLED;
        let mut requested = self.0.lock();
        let settled = requested.iter().filter(|(_, (_, at))| is_settled(*at));
        let due =
            settled.map(|(bucket_id, (org_id, _))| DueKeyCheck { bucket_id: *bucket_id, org_id: *org_id });
        let due: Vec<DueKeyCheck> = due.take(most).collect();
        for one in &due {
            requested.remove(&one.bucket_id);
        }
        due
    }
}

impl Control {
    /// Checks keys when they are due, until the future is dropped. A batch in progress is then left out until the next day.
    pub async fn run_key_checks(&self) {
        if !self.inner.settings.check_keys {
            return;
        }
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.check_due_keys().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "checks of keys failed");
            }
        }
    }

    /// Has the key of a bucket checked soon, because it may open more or less than at the last check.
    pub(crate) fn request_key_check(&self, org_id: OrgId, bucket_id: BucketId) {
        if self.inner.settings.check_keys {
            self.inner.findings.requested_key_checks.add(org_id, bucket_id, self.inner.environment.now());
        }
    }

    /// Checks the next keys that are due, a batch of them. Returns how many buckets that were.
    pub async fn check_due_keys(&self) -> Result<usize> {
        // Without a node, the buckets would be left out for a day.
        if self.connected_node_ids().await?.is_empty() {
            return Ok(0);
        }
        let now = self.inner.environment.now();
        let mut due = self.inner.findings.requested_key_checks.take(now, MAX_KEY_CHECKS);
        if let Ok(left @ 1..) = u32::try_from(MAX_KEY_CHECKS - due.len()) {
            due.extend(self.inner.store.claim_key_checks(now, left).await?);
        }
        let ids: Vec<BucketId> = due.iter().map(|one| one.bucket_id).collect();
        let pins = self.inner.store.pins_of(&ids).await?;
        // Buckets that the same nodes serve.
        let mut served_together: BTreeMap<(OrgId, BucketPins), Vec<BucketId>> = BTreeMap::new();
        for one in &due {
            let pins = pins.get(&one.bucket_id).cloned().unwrap_or_default();
            served_together.entry((one.org_id, pins)).or_default().push(one.bucket_id);
        }
        for ((org_id, pins), bucket_ids) in served_together {
            let deadline_ms = u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX);
            let task = Task::CheckKeys(KeyChecks { bucket_ids, deadline_ms });
            match self.run_bucket_job(org_id, &pins, task, WITHIN).await? {
                Ok(Outcome::CheckedKeys { keys }) => {
                    let now = self.inner.environment.now();
                    self.inner.store.record_key_checks(org_id, &keys, now).await?;
                }
                Ok(_) => tracing::warn!(%org_id, "a node answered a check of keys with something else"),
                Err(failure) => tracing::debug!(%org_id, reason = failure.reason, "keys weren't checked"),
            }
        }
        Ok(due.len())
    }
}
