//! Assigns due walks to nodes, and takes their reports.
//!
//! A walk belongs to a node for as long as the node reports it. All state is in the store, so it doesn't matter which
//! control plane a report reaches, or whether one restarts in between.

use bucketry_model::id::BucketId;
use bucketry_model::inventory::{Inventory, InventorySchedule, MAX_STATE_BYTES, WalkState};
use bucketry_model::node::Node;
use bucketry_model::node_protocol::{
    INVENTORY_PATH, InventoryOrders, InventoryReport, MAX_WALKS, UploadsFound, WALK_LEASE_SECONDS, WalkEnd,
    WalkOrder, WalkReport,
};
use bucketry_store::freshness::AbandonedUploads;
use bucketry_store::inventory::{WalkOutcome, WalkOwner, WalkPlan};
use jiff::{SignedDuration, Timestamp};

use super::NodeMessage;
use crate::inventories::schedule_of;
use crate::{Control, Error, Result};

/// How many due walks a report looks at. Some of them may only have to wait for their window.
const LOOK_AT: u32 = 32;
/// The wait after the first failure. It doubles with every further one.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(1);
/// After this many failures in a row, a walk is given up until the next one is due.
const MOST_FAILURES: u32 = 8;
/// Messages of failures are cut to this length, in characters.
const LONGEST_MESSAGE: usize = 500;

impl Control {
    /// `POST /node/inventory`: takes a report, and returns the walks that the node is to start and to drop.
    pub async fn inventory_report(&self, message: NodeMessage) -> Result<InventoryOrders> {
        let (node, message) = self.sender("POST", INVENTORY_PATH, message).await?;
        let report: InventoryReport = message.read_known()?;
        drop(message);
        if node.is_pending() {
            return Err(Error::NodeNotApproved(node.name));
        }
        if report.walks.len() > MAX_WALKS {
            return Err(Error::field("walks", format!("must have at most {MAX_WALKS} entries")));
        }
        let is_too_long =
            |walk: &WalkReport| walk.state.as_ref().is_some_and(|text| text.len() > MAX_STATE_BYTES);
        if report.walks.iter().any(is_too_long) {
            return Err(Error::field("walks.state", format!("must be at most {MAX_STATE_BYTES} bytes long")));
        }
        let mut orders = InventoryOrders { success: true, ..InventoryOrders::default() };
        self.release_interrupted(&node, &report).await?;
        for walk in report.walks {
            let bucket_id = walk.bucket_id;
            if !self.take_walk(&node, walk).await? {
                orders.stop.push(bucket_id);
            }
        }
        orders.walks = self.assign(&node, report.free).await?;
        Ok(orders)
    }

    /// Walks of the node that it doesn't report were interrupted, or the node never got them. They are due at once.
    async fn release_interrupted(&self, node: &Node, report: &InventoryReport) -> Result<()> {
        let now = self.inner.environment.now();
        for owner in self.inner.store.walks_of_node(node.id).await? {
            let is_reported = |walk: &WalkReport| {
                walk.bucket_id == owner.bucket_id && is_same(walk.started_at, owner.started_at)
            };
            if !report.walks.iter().any(is_reported) {
                let pause = WalkOutcome::Pause { state: None };
                self.inner.store.end_walk(&owner, &pause, Some(now), now).await?;
            }
        }
        Ok(())
    }

    /// Saves or ends a walk. Returns whether it belonged to the node.
    async fn take_walk(&self, node: &Node, walk: WalkReport) -> Result<bool> {
        let now = self.inner.environment.now();
        let store = &self.inner.store;
        let started_at = walk.started_at;
        let owner = WalkOwner { bucket_id: walk.bucket_id, node_id: node.id, started_at };
        let Some(end) = walk.end else {
            let lease = now + SignedDuration::from_secs(WALK_LEASE_SECONDS);
            return Ok(store.save_walk(&owner, walk.state.as_deref(), lease, now).await?);
        };
        let Some(plan) = store.walk_plan(walk.bucket_id).await? else { return Ok(false) };
        let schedule = schedule_of(&plan);
        let abandoned_uploads = walk.abandoned_uploads.filter(|_| end == WalkEnd::Finished);
        let next_due = |last| schedule.map(|schedule| schedule.next_due(last, now));
        let (outcome, due_at) = match end {
            WalkEnd::Finished => match self.finished(&plan, walk.state.as_deref(), started_at, now).await? {
                Some(outcome) => (outcome, next_due(Some(started_at))),
                None => (give_up("the node reported a result that can't be read"), next_due(Some(now))),
            },
            WalkEnd::Paused => {
                let continues = if plan.requested {
                    Some(now)
                } else {
                    schedule.map(|one| one.window.map_or(now, |window| window.at_or_after(now)))
                };
                (WalkOutcome::Pause { state: walk.state }, continues)
            }
            WalkEnd::Failed { reason } if plan.failures + 1 < MOST_FAILURES => {
                let wait = FIRST_RETRY * (1 << plan.failures);
                (WalkOutcome::Fail { state: walk.state, reason: cut(&reason) }, Some(now + wait))
            }
            // The next try is due as if this one had succeeded.
            WalkEnd::Failed { reason } | WalkEnd::Abandoned { reason } => {
                (give_up(&reason), next_due(Some(now)))
            }
        };
        let is_owner = store.end_walk(&owner, &outcome, due_at, now).await?;
        if let Some(found) = abandoned_uploads.filter(|_| is_owner) {
            let uploads = abandoned(walk.bucket_id, &found, now);
            store.set_abandoned_uploads(walk.bucket_id, uploads.as_ref()).await?;
        }
        Ok(is_owner)
    }

    async fn finished(
        &self,
        plan: &WalkPlan,
        state: Option<&str>,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<WalkOutcome>> {
        let stored = plan.walk.as_ref().and_then(|walk| walk.state.as_deref());
        let Some(state) = state.or(stored).and_then(WalkState::from_text) else { return Ok(None) };
        let inventory = Box::new(Inventory::of(state, started_at, now));
        let size_change = self.size_change(plan.bucket_id).await?;
        let keep = self.inner.settings.keep_inventories;
        Ok(Some(WalkOutcome::Finish { inventory, size_change, keep }))
    }

    /// Gives due walks to a node.
    async fn assign(&self, node: &Node, free: u32) -> Result<Vec<WalkOrder>> {
        let now = self.inner.environment.now();
        let free = free.min(u32::try_from(MAX_WALKS).unwrap_or(u32::MAX)) as usize;
        let mut orders = Vec::new();
        if free == 0 {
            return Ok(orders);
        }
        let served = Some((node.id, node.region.as_str()));
        let due = self.inner.store.due_walks(node.org_id, served, now, LOOK_AT).await?;
        let ids: Vec<BucketId> = due.iter().map(|plan| plan.bucket_id).collect();
        let pins = self.inner.store.pins_of(&ids).await?;
        for plan in due {
            if orders.len() >= free {
                break;
            }
            if pins.get(&plan.bucket_id).is_some_and(|pins| !pins.admit(node.id, &node.region)) {
                continue;
            }
            let Some(due_at) = plan.due_at else { continue };
            match decide(&plan, now) {
                Decision::Wait(until) => {
                    self.inner.store.postpone_walk(plan.bucket_id, due_at, until).await?;
                }
                Decision::Walk { requests_per_second, for_seconds } => {
                    let owner = WalkOwner {
                        bucket_id: plan.bucket_id,
                        node_id: node.id,
                        started_at: plan.walk.as_ref().map_or(now, |walk| walk.started_at),
                    };
                    let lease = now + SignedDuration::from_secs(WALK_LEASE_SECONDS);
                    if self.inner.store.claim_walk(&owner, due_at, lease, now).await? {
                        orders.push(order(owner.bucket_id, &owner, plan, requests_per_second, for_seconds));
                    }
                }
            }
        }
        Ok(orders)
    }
}

/// Whether two times are the same in the store, which has microseconds.
fn is_same(a: Timestamp, b: Timestamp) -> bool {
    a.as_microsecond() == b.as_microsecond()
}

fn order(
    bucket_id: BucketId,
    owner: &WalkOwner,
    plan: WalkPlan,
    requests_per_second: u16,
    for_seconds: Option<u64>,
) -> WalkOrder {
    let state = plan.walk.and_then(|walk| walk.state);
    WalkOrder { bucket_id, started_at: owner.started_at, requests_per_second, state, for_seconds }
}

/// The abandoned uploads as they are stored. `None` if there are none.
fn abandoned(bucket_id: BucketId, found: &UploadsFound, now: Timestamp) -> Option<AbandonedUploads> {
    let oldest = found.oldest.filter(|_| found.count > 0)?;
    let UploadsFound { count, bytes, complete, .. } = *found;
    Some(AbandonedUploads { bucket_id, count, oldest, bytes, complete, found_at: now })
}

fn give_up(reason: &str) -> WalkOutcome {
    WalkOutcome::Abandon { reason: cut(reason) }
}

fn cut(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
}

/// What to do about a plan that is due.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    /// It isn't due before this time, or not at all.
    Wait(Option<Timestamp>),
    /// Walk the bucket.
    Walk { requests_per_second: u16, for_seconds: Option<u64> },
}

fn decide(plan: &WalkPlan, now: Timestamp) -> Decision {
    let schedule = schedule_of(plan);
    let requests_per_second =
        schedule.map_or(InventorySchedule::USUAL_REQUESTS, |one| one.requests_per_second);
    if plan.requested {
        return Decision::Walk { requests_per_second, for_seconds: None };
    }
    let Some(schedule) = schedule else { return Decision::Wait(None) };
    // The schedule may have changed since the plan was made.
    let due = match &plan.walk {
        Some(_) => schedule.window.map_or(now, |window| window.at_or_after(now)),
        None => schedule.next_due(plan.last_start, now),
    };
    if due > now {
        return Decision::Wait(Some(due));
    }
    let remaining = schedule.window.and_then(|window| window.remaining(now));
    let for_seconds = remaining.map(|left| left.as_secs().unsigned_abs());
    Decision::Walk { requests_per_second, for_seconds }
}

#[cfg(test)]
mod tests {
    use bucketry_model::id::OrgId;
    use bucketry_model::inventory::InventorySetting;
    use bucketry_store::inventory::StoredWalk;

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-01T{text}Z").parse().unwrap()
    }

    fn plan(setting: Option<InventorySetting>, window: Option<&str>) -> WalkPlan {
        let window = window.map(|text| text.parse().unwrap());
        WalkPlan {
            bucket_id: BucketId::new(at("00:00:00"), [1; 10]),
            org_id: OrgId::new(at("00:00:00"), [2; 10]),
            setting,
            org_schedule: Some(InventorySchedule::new(24, 7, window).unwrap()),
            due_at: Some(at("00:00:00")),
            requested: false,
            walk: None,
            failures: 0,
            error: None,
            last_start: None,
        }
    }

    #[test]
    fn walks_run_in_their_window_only_unless_somebody_asked() {
        let night = plan(None, Some("01:00-05:00"));
        let walk = |for_seconds| Decision::Walk { requests_per_second: 7, for_seconds };
        assert_eq!(decide(&night, at("00:30:00")), Decision::Wait(Some(at("01:00:00"))));
        assert_eq!(decide(&night, at("04:00:00")), walk(Some(3_600)));
        assert_eq!(decide(&WalkPlan { requested: true, ..night.clone() }, at("12:00:00")), walk(None));
        let started_at = at("01:00:00");
        let walking = StoredWalk { started_at, node_id: None, saved_at: started_at, state: None };
        let paused = WalkPlan { walk: Some(walking), last_start: Some(at("01:00:00")), ..night };
        assert_eq!(
            decide(&paused, at("02:00:00")),
            walk(Some(3 * 3_600)),
            "it continues before a day has passed"
        );
    }

    #[test]
    fn plans_follow_a_schedule_that_changed_or_ended() {
        let off = plan(Some(InventorySetting::Off), None);
        assert_eq!(decide(&off, at("12:00:00")), Decision::Wait(None));
        let early = WalkPlan { last_start: Some(at("06:00:00")), ..plan(None, None) };
        let tomorrow = at("06:00:00") + SignedDuration::from_hours(24);
        assert_eq!(decide(&early, at("12:00:00")), Decision::Wait(Some(tomorrow)));
        let none = WalkPlan { org_schedule: None, ..plan(None, None) };
        assert_eq!(decide(&none, at("12:00:00")), Decision::Wait(None));
    }
}
