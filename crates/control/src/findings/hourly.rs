//! What is found by going through all buckets of an organization: registrations of one bucket at its provider, and
//! buckets that nobody uses. That costs more with every bucket, so maintenance does it once per hour, in slices.

use std::collections::HashMap;
use std::sync::Arc;

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, OrgId};
use bucketry_model::same_bucket::is_same_bucket;
use bucketry_model::time::Day;
use bucketry_store::bucket::SharingBucket;
use bucketry_store::left_out::noting_left_out;
use bucketry_store::registration::{RegisteredName, RegisteredNames};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::observations::ObservedBucket;
use crate::{Control, Error, Result};

/// How often the buckets of an organization are gone through.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Buckets per slice.
const SLICE: u32 = 1_000;
/// The most names at providers that are compared, and registrations of each.
const MOST_NAMES: usize = 500;
const MOST_OF_A_NAME: usize = 100;
/// The most unused buckets that are remembered one by one.
const MOST_UNUSED: usize = 500;

/// What was found in each organization.
#[derive(Default)]
pub(super) struct HourlyFacts(Mutex<HashMap<OrgId, (Timestamp, Arc<OrganizationFacts>)>>);

/// What was found in an organization.
#[derive(Debug, Clone, Default)]
pub(super) struct OrganizationFacts {
    /// The registrations of each bucket that is registered more than once, oldest first.
    pub(super) registrations: Vec<Vec<ObservedBucket>>,
    /// Some of the buckets that nobody uses, each with its last day of use.
    pub(super) unused: Vec<(ObservedBucket, Option<Day>)>,
    /// How many there are.
    pub(super) unused_count: u64,
    /// Whether buckets weren't looked at, because only a newer version can read them.
    pub(super) left_out: bool,
}

impl HourlyFacts {
    pub(super) fn get(&self, org_id: OrgId) -> Option<Arc<OrganizationFacts>> {
        self.0.lock().get(&org_id).map(|(_, facts)| Arc::clone(facts))
    }

    /// Whether not all buckets of the organization were looked at.
    pub(super) fn has_left_out(&self, org_id: OrgId) -> bool {
        self.get(org_id).is_some_and(|facts| facts.left_out)
    }

    fn is_due(&self, org_id: OrgId, now: Timestamp) -> bool {
        let facts = self.0.lock();
        facts.get(&org_id).is_none_or(|(at, _)| now.duration_since(*at).abs() >= EVERY)
    }
}

impl Control {
    /// Goes through the buckets of the organizations for which that is due.
    pub(crate) async fn find_hourly(&self) -> Result<()> {
        for org_id in self.finding_organizations().await?.iter().copied() {
            let now = self.inner.environment.now();
            if self.inner.findings.hourly.is_due(org_id, now) {
                let (facts, left_out) = noting_left_out(self.hourly_facts(org_id)).await;
                match facts {
                    Ok(facts) => {
                        let facts = Arc::new(OrganizationFacts { left_out, ..facts });
                        self.inner.findings.hourly.0.lock().insert(org_id, (now, facts));
                    }
                    // What can't be read in one organization is no reason to pass over the others.
                    Err(Error::Internal(error)) => {
                        tracing::warn!(%org_id, error = &*error as &dyn std::error::Error, "going through buckets failed");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn hourly_facts(&self, org_id: OrgId) -> Result<OrganizationFacts> {
        let store = &self.inner.store;
        let mut repeated: Vec<(StorageType, String)> = Vec::new();
        let mut unused = UnusedBuckets::default();
        let (mut last, mut after): (Option<RegisteredName>, _) = (None, None);
        loop {
            let RegisteredNames { names: slice, next } =
                store.registered_names(org_id, after.as_ref(), SLICE).await?;
            if self.inner.settings.unused_after.is_some() {
                self.add_unused(&slice, &mut unused).await?;
            }
            for one in slice {
                let is_repeated = last.as_ref().is_some_and(|last| is_same_name(last, &one));
                if is_repeated && repeated.len() < MOST_NAMES {
                    repeated.push((one.storage_type, one.bucket.clone()));
                }
                last = Some(one);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        repeated.dedup();
        let mut registrations = Vec::new();
        for (storage_type, bucket) in repeated {
            let mut named = store.buckets_named(org_id, storage_type, &bucket).await?;
            named.truncate(MOST_OF_A_NAME);
            registrations.extend(same_buckets(named));
        }
        let ids: Vec<BucketId> = unused.some.iter().map(|(id, _)| *id).collect();
        let buckets = if ids.is_empty() { Vec::new() } else { store.buckets_ever(org_id, &ids).await? };
        let days: HashMap<BucketId, Option<Day>> = unused.some.into_iter().collect();
        let with_day = |bucket: bucketry_model::bucket::Bucket| {
            let day = days.get(&bucket.id).copied().flatten();
            let (id, name) = (bucket.id, bucket.name.to_string());
            (ObservedBucket { id, name, workspace_id: bucket.workspace_id }, day)
        };
        let unused_count = unused.count;
        Ok(OrganizationFacts {
            registrations,
            unused: buckets.into_iter().map(with_day).collect(),
            unused_count,
            left_out: false,
        })
    }

    /// Adds the buckets of a slice that nobody has used for too long.
    async fn add_unused(&self, slice: &[RegisteredName], unused: &mut UnusedBuckets) -> Result<()> {
        let Some(unused_after) = self.inner.settings.unused_after else { return Ok(()) };
        let limit = self.inner.environment.now() - unused_after;
        // A new bucket has time to be used.
        let is_old = |one: &&RegisteredName| one.id.created().is_none_or(|at| at < limit);
        let ids: Vec<BucketId> = slice.iter().filter(is_old).map(|one| one.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let used = self.inner.store.last_days_of_use(&ids).await?;
        let used: HashMap<BucketId, Day> = used.into_iter().collect();
        for id in ids {
            let last = used.get(&id).copied();
            if last.is_none_or(|day| day < Day::of(limit)) {
                unused.count += 1;
                if unused.some.len() < MOST_UNUSED {
                    unused.some.push((id, last));
                }
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct UnusedBuckets {
    some: Vec<(BucketId, Option<Day>)>,
    count: u64,
}

fn is_same_name(one: &RegisteredName, other: &RegisteredName) -> bool {
    one.storage_type == other.storage_type && one.bucket == other.bucket
}

/// Of buckets of one name, those that are the same bucket of the same provider.
fn same_buckets(named: Vec<SharingBucket>) -> Vec<Vec<ObservedBucket>> {
    let mut groups: Vec<(SharingBucket, Vec<ObservedBucket>)> = Vec::new();
    for bucket in named {
        let seen = ObservedBucket {
            id: bucket.id,
            name: bucket.name.to_string(),
            workspace_id: bucket.workspace_id,
        };
        match groups.iter_mut().find(|(first, _)| is_same_bucket(&first.location, &bucket.location)) {
            Some((_, group)) => group.push(seen),
            None => groups.push((bucket, vec![seen])),
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|group| group.len() > 1).collect()
}
