//! Reads the traffic of buckets whose requests fail at their providers.

use std::collections::HashMap;

use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::role::Visibility;
use bucketry_model::status::Status;
use bucketry_store::usage::FailingMinute;

use super::observations::{FailingBucket, Observations, ObservedBucket};
use super::rules::WINDOW;
use crate::buckets::BucketView;
use crate::{Control, Result};

/// How many buckets are looked at.
const LOOKED_AT: u32 = 500;

impl Control {
    /// Adds the visible buckets that nodes reach and whose requests failed lately.
    pub(super) async fn observe_traffic(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        seen: &mut Observations,
    ) -> Result<()> {
        seen.error_rate = self.inner.settings.error_rate;
        if seen.error_rate.is_none() {
            return Ok(());
        }
        let first = (seen.now - WINDOW).as_second();
        let mut minutes: HashMap<BucketId, Vec<FailingMinute>> = HashMap::new();
        for one in self.inner.store.failing_minutes(org_id, first, LOOKED_AT).await? {
            minutes.entry(one.bucket_id).or_default().push(one);
        }
        if minutes.is_empty() {
            return Ok(());
        }
        let ids: Vec<BucketId> = minutes.keys().copied().collect();
        let views = self.views_of(self.inner.store.buckets_among(org_id, &ids).await?).await?;
        let is_looked_at = |view: &BucketView| {
            let is_visible = match visible {
                Visibility::Organization => true,
                Visibility::Workspaces(ids) => ids.contains(&view.bucket.workspace_id),
            };
            // An outage is another finding.
            is_visible && view.status == Status::Online
        };
        let failing = |view: BucketView| FailingBucket {
            minutes: minutes.remove(&view.bucket.id).unwrap_or_default(),
            online_since: view.since,
            bucket: ObservedBucket {
                id: view.bucket.id,
                name: view.bucket.name.to_string(),
                workspace_id: view.bucket.workspace_id,
            },
        };
        seen.failing = views.into_iter().filter(is_looked_at).map(failing).collect();
        Ok(())
    }
}
