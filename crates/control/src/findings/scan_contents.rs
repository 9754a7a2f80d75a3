//! Reads what is known about the contents and keys of buckets: inventories that are late or failed, stale prefixes,
//! abandoned uploads, and keys that open other buckets too.

use std::collections::HashMap;

use bucketry_model::bucket::Bucket;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::role::Visibility;
use bucketry_store::inventory::WalkPlan;
use jiff::SignedDuration;

use super::observations::{Observations, ObservedBucket, TroubledInventory};
use super::rules::MOST_BROAD_KEYS;
use crate::inventories::schedule_of;
use crate::{Control, Result};

/// How many rows of each kind are looked at.
const LOOKED_AT: u32 = 500;
/// A walk that is due for longer than this may be late.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// The visible ones of the buckets that something is known about.
struct VisibleBuckets(HashMap<BucketId, Bucket>);

impl VisibleBuckets {
    fn get(&self, id: BucketId) -> Option<ObservedBucket> {
        let bucket = self.0.get(&id)?;
        Some(ObservedBucket { id, name: bucket.name.to_string(), workspace_id: bucket.workspace_id })
    }
}

impl Control {
    /// Adds what is known about the contents and keys of buckets.
    pub(super) async fn observe_contents(
        &self,
        org_id: OrgId,
        visible: &Visibility,
        seen: &mut Observations,
    ) -> Result<()> {
        let store = &self.inner.store;
        let plans = store.troubled_walks(org_id, seen.now - LATE, LOOKED_AT).await?;
        let stale = store.stale_prefixes(org_id, LOOKED_AT).await?;
        let uploads = store.abandoned_uploads(org_id, LOOKED_AT).await?;
        let broad_keys = store.broad_keys(org_id, MOST_BROAD_KEYS).await?;
        let ids = plans.iter().map(|plan| plan.bucket_id);
        let ids = ids.chain(stale.iter().map(|one| one.bucket_id));
        let ids = ids.chain(broad_keys.iter().map(|one| one.bucket_id));
        let mut ids: Vec<BucketId> = ids.chain(uploads.iter().map(|one| one.bucket_id)).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(());
        }
        let buckets = store.buckets_ever(org_id, &ids).await?;
        let is_visible = |bucket: &Bucket| match visible {
            Visibility::Organization => true,
            Visibility::Workspaces(ids) => ids.contains(&bucket.workspace_id),
        };
        let buckets = buckets.into_iter().filter(is_visible).map(|bucket| (bucket.id, bucket)).collect();
        let buckets = VisibleBuckets(buckets);
        seen.inventories = plans.into_iter().filter_map(|plan| troubled(plan, &buckets)).collect();
        seen.stale = stale.into_iter().filter_map(|one| Some((buckets.get(one.bucket_id)?, one))).collect();
        seen.broad_keys =
            broad_keys.into_iter().filter_map(|one| Some((buckets.get(one.bucket_id)?, one))).collect();
        seen.uploads =
            uploads.into_iter().filter_map(|one| Some((buckets.get(one.bucket_id)?, one))).collect();
        Ok(())
    }
}

impl Control {
    /// Adds what was found when all buckets were last gone through.
    pub(super) fn add_hourly(&self, org_id: OrgId, visible: &Visibility, seen: &mut Observations) {
        let Some(facts) = self.inner.findings.hourly.get(org_id) else { return };
        let is_visible = |bucket: &ObservedBucket| match visible {
            Visibility::Organization => true,
            Visibility::Workspaces(ids) => ids.contains(&bucket.workspace_id),
        };
        let visible_of = |all: &Vec<ObservedBucket>| -> Vec<ObservedBucket> {
            all.iter().filter(|one| is_visible(one)).cloned().collect()
        };
        let registrations = facts.registrations.iter().map(visible_of);
        seen.registrations = registrations.filter(|group| group.len() > 1).collect();
        seen.unused = facts.unused.iter().filter(|(bucket, _)| is_visible(bucket)).cloned().collect();
        seen.unused_count = facts.unused_count;
        seen.unused_after_days = self.inner.settings.unused_after.map_or(0, |after| after.as_hours() / 24);
    }
}

/// Without a schedule, nothing is late.
fn troubled(plan: WalkPlan, buckets: &VisibleBuckets) -> Option<TroubledInventory> {
    let every_hours = schedule_of(&plan)?.every_hours;
    Some(TroubledInventory {
        bucket: buckets.get(plan.bucket_id)?,
        last_start: plan.last_start,
        due_at: plan.due_at.filter(|_| plan.walk.is_none()),
        every_hours,
        error: plan.error,
    })
}
