//! Has nodes find out whether keys open more than their buckets.

use std::collections::BTreeMap;
use std::time::Duration;

use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::node_protocol::{KeyChecks, MAX_KEY_CHECKS, Outcome, Task};

use crate::{Control, Result};

/// How long to wait between two batches of buckets: a million buckets take less than a day.
const EVERY: Duration = Duration::from_secs(4);
/// How long a node may take for a batch.
const WITHIN: Duration = Duration::from_secs(50);

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

    /// Checks the next keys that are due, a batch of them. Returns how many buckets that were.
    pub async fn check_due_keys(&self) -> Result<usize> {
        // Without a node, the buckets would be left out for a day.
        if self.connected_node_ids().await?.is_empty() {
            return Ok(0);
        }
        let now = self.inner.environment.now();
        let limit = u32::try_from(MAX_KEY_CHECKS).unwrap_or(u32::MAX);
        let due = self.inner.store.claim_key_checks(now, limit).await?;
        let mut by_organization: BTreeMap<OrgId, Vec<BucketId>> = BTreeMap::new();
        for one in &due {
            by_organization.entry(one.org_id).or_default().push(one.bucket_id);
        }
        for (org_id, bucket_ids) in by_organization {
            let deadline_ms = u64::try_from(WITHIN.as_millis()).unwrap_or(u64::MAX);
            let task = Task::CheckKeys(KeyChecks { bucket_ids, deadline_ms });
            match self.run_bucket_job(org_id, task, WITHIN).await? {
                Ok(Outcome::CheckedKeys { keys }) => {
                    let now = self.inner.environment.now();
                    self.inner.store.record_key_checks(org_id, &keys, now).await?;
                }
                Ok(_) => tracing::warn!(%org_id, "a node answered a check of keys with something else"),
                Err(reason) => tracing::debug!(%org_id, reason, "keys weren't checked"),
            }
        }
        Ok(due.len())
    }
}
