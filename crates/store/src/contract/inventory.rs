//! Inventories: schedules, walks and results.

use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::inventory::{Inventory, InventorySchedule, InventorySetting, WalkState};
use bucketry_model::role::Visibility;

use super::fixture::{TestContext, at, audit};
use crate::Store;
use crate::bucket::BucketUpdate;
use crate::inventory::{WalkOutcome, WalkOwner};

fn schedule(every_hours: u16) -> InventorySchedule {
    InventorySchedule::new(every_hours, 5, Some("01:00-05:00".parse().unwrap())).unwrap()
}

fn inventory(bytes: u64, started: i64, finished: i64) -> Inventory {
    let mut state = WalkState::default();
    state.sum.add("dir/a\u{0}b", bytes, Some("STANDARD"));
    Inventory::of(state, at(started), at(finished))
}

pub(super) fn finished(bytes: u64, started: i64, finished: i64) -> WalkOutcome {
    let inventory = Box::new(inventory(bytes, started, finished));
    WalkOutcome::Finish { inventory, size_change: -7, keep: 3 }
}

/// Requests a walk of a bucket at a time, and gives it to a node.
pub(super) async fn claimed(
    context: &TestContext<'_>,
    bucket_id: BucketId,
    node_id: NodeId,
    seconds: i64,
) -> WalkOwner {
    let now = at(seconds);
    assert!(context.store.request_walk(context.org, bucket_id, &audit(now)).await.unwrap());
    let owner = WalkOwner { bucket_id, node_id, started_at: now };
    assert!(context.store.claim_walk(&owner, now, at(seconds + 120), now).await.unwrap());
    owner
}

pub async fn settings_and_schedules_read_back(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    assert_eq!(store.walk_plan(bucket).await.unwrap(), None);
    assert_eq!(store.inventory_schedule(context.org).await.unwrap(), None);

    store.set_inventory_schedule(context.org, Some(&schedule(24)), &audit(at(0))).await.unwrap();
    store.set_inventory_schedule(context.org, Some(&schedule(12)), &audit(at(0))).await.unwrap();
    assert_eq!(store.inventory_schedule(context.org).await.unwrap(), Some(schedule(12)));
    assert_eq!(store.inventory_organizations().await.unwrap(), [context.org]);

    let own = InventorySetting::Own(schedule(6));
    assert!(
        store
            .set_inventory_setting(context.org, bucket, Some(&own), Some(at(60)), &audit(at(0)))
            .await
            .unwrap()
    );
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    assert_eq!((plan.setting, plan.org_schedule), (Some(own), Some(schedule(12))));
    assert_eq!((plan.due_at, plan.requested, plan.walk), (Some(at(60)), false, None));

    store
        .set_inventory_setting(context.org, bucket, Some(&InventorySetting::Off), None, &audit(at(0)))
        .await
        .unwrap();
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    assert_eq!((plan.setting, plan.due_at), (Some(InventorySetting::Off), None));
    store.set_inventory_schedule(context.org, None, &audit(at(0))).await.unwrap();
    assert_eq!(store.inventory_schedule(context.org).await.unwrap(), None);

    let other = TestContext::another(store).await;
    assert!(!store.set_inventory_setting(other.org, bucket, None, None, &audit(at(0))).await.unwrap());
    assert!(!store.request_walk(other.org, bucket, &audit(at(0))).await.unwrap());
}

pub async fn a_walk_is_given_to_one_node_saved_and_finished(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (bucket, node) = (context.bucket("photos").await, context.node("node-1").await);
    let another = context.node("node-2").await;
    assert!(store.due_walks(None, None, at(100), 10).await.unwrap().is_empty());
    let owner = claimed(&context, bucket, node, 100).await;
    let rival = WalkOwner { node_id: another, ..owner };
    assert!(!store.claim_walk(&rival, at(100), at(300), at(100)).await.unwrap(), "one node gets it");
    assert!(store.due_walks(None, None, at(219), 10).await.unwrap().is_empty());

    assert!(store.save_walk(&owner, Some("{\"state\":1}"), at(260), at(140)).await.unwrap());
    assert!(store.save_walk(&owner, None, at(270), at(150)).await.unwrap());
    assert!(!store.save_walk(&rival, Some("forged"), at(999), at(150)).await.unwrap());
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    let walk = plan.walk.unwrap();
    assert_eq!((walk.state.as_deref(), walk.saved_at), (Some("{\"state\":1}"), at(140)));
    assert_eq!((walk.node_id, plan.due_at), (Some(node), Some(at(270))));
    assert_eq!(store.walks_of_node(node).await.unwrap(), [owner]);

    assert!(!store.end_walk(&rival, &finished(1, 100, 200), None, at(200)).await.unwrap());
    let generation = store.bucket_generation(context.org).await.unwrap();
    assert!(store.end_walk(&owner, &finished(5, 100, 200), Some(at(900)), at(200)).await.unwrap());
    assert_ne!(store.bucket_generation(context.org).await.unwrap(), generation, "lists are outdated");
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    assert_eq!((plan.walk, plan.requested, plan.due_at), (None, false, Some(at(900))));
    assert_eq!(plan.last_start, Some(at(100)));
    let size = store.bucket_size(bucket).await.unwrap().unwrap();
    assert_eq!((size.objects, size.bytes, size.measured_at, size.size_change), (1, 5, at(200), -7));
    assert_eq!(store.inventories(bucket, 10).await.unwrap(), [inventory(5, 100, 200)]);
    assert!(!store.save_walk(&owner, None, at(990), at(201)).await.unwrap(), "it has ended");
}

pub async fn a_walk_whose_node_fell_silent_continues_elsewhere(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (bucket, node) = (context.bucket("photos").await, context.node("node-1").await);
    let another = context.node("node-2").await;
    let owner = claimed(&context, bucket, node, 100).await;
    store.save_walk(&owner, Some("{}"), at(220), at(110)).await.unwrap();
    let due = store.due_walks(None, None, at(220), 10).await.unwrap();
    assert_eq!((due.len(), due[0].walk.as_ref().and_then(|walk| walk.state.as_deref())), (1, Some("{}")));
    let next = WalkOwner { node_id: another, ..owner };
    assert!(store.claim_walk(&next, at(220), at(340), at(220)).await.unwrap());
    assert!(!store.save_walk(&owner, Some("late"), at(999), at(230)).await.unwrap());
    let walk = store.walk_plan(bucket).await.unwrap().unwrap().walk.unwrap();
    assert_eq!((walk.started_at, walk.state.as_deref()), (at(100), Some("{}")));

    let paused = WalkOutcome::Pause { state: Some("[2]".to_owned()) };
    assert!(store.end_walk(&next, &paused, Some(at(400)), at(240)).await.unwrap());
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    let walk = plan.walk.unwrap();
    assert_eq!((walk.state.as_deref(), walk.node_id, plan.due_at), (Some("[2]"), None, Some(at(400))));
    store.postpone_walk(bucket, at(399), Some(at(1))).await.unwrap();
    store.postpone_walk(bucket, at(400), Some(at(500))).await.unwrap();
    assert_eq!(store.walk_plan(bucket).await.unwrap().unwrap().due_at, Some(at(500)));
}

pub async fn a_node_of_an_organization_gets_its_walks_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    for (context, label, seconds) in [(&context, "mine", 20), (&other, "theirs", 10)] {
        let bucket = context.bucket(label).await;
        store.request_walk(context.org, bucket, &audit(at(seconds))).await.unwrap();
    }
    let of = |org| async move { store.due_walks(org, None, at(30), 10).await.unwrap() };
    let all = of(None).await;
    assert_eq!(
        all.iter().map(|plan| plan.org_id).collect::<Vec<_>>(),
        [other.org, context.org],
        "longest due first"
    );
    assert_eq!(of(Some(context.org)).await, all[1..]);
    assert_eq!(store.due_walks(None, None, at(30), 1).await.unwrap().len(), 1);
}

pub async fn failures_are_counted_and_forgiven(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (bucket, node) = (context.bucket("photos").await, context.node("node-1").await);
    let owner = claimed(&context, bucket, node, 100).await;
    let failed = WalkOutcome::Fail { state: Some("[1]".to_owned()), reason: "No.".to_owned() };
    store.end_walk(&owner, &failed, Some(at(200)), at(150)).await.unwrap();
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    assert_eq!((plan.failures, plan.error, plan.requested), (1, Some(("No.".to_owned(), at(150))), true));
    assert_eq!(plan.walk.unwrap().state.as_deref(), Some("[1]"));

    store.claim_walk(&owner, at(200), at(320), at(200)).await.unwrap();
    let abandoned = WalkOutcome::Abandon { reason: "Endless.".to_owned() };
    store.end_walk(&owner, &abandoned, None, at(210)).await.unwrap();
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    assert_eq!((plan.failures, plan.walk, plan.requested, plan.due_at), (2, None, false, None));

    let owner = claimed(&context, bucket, node, 300).await;
    store.end_walk(&owner, &finished(1, 300, 310), None, at(310)).await.unwrap();
    let plan = store.walk_plan(bucket).await.unwrap().unwrap();
    assert_eq!((plan.failures, plan.error), (0, None));
}

pub async fn buckets_of_an_organization_are_planned_in_slices(store: &dyn Store) {
    let context = TestContext::new(store).await;
    assert_eq!(store.plan_walks(context.org, at(0), 2).await.unwrap(), 0, "no schedule, no plan");
    store.set_inventory_schedule(context.org, Some(&schedule(24)), &audit(at(0))).await.unwrap();
    let mut buckets = Vec::new();
    for (index, label) in ["a", "b", "c"].into_iter().enumerate() {
        let created = at(i64::try_from(index).unwrap());
        buckets.push(context.bucket_in(context.workspace, label, created).await);
    }
    let own = InventorySetting::Off;
    store.set_inventory_setting(context.org, buckets[1], Some(&own), None, &audit(at(0))).await.unwrap();
    assert_eq!(store.plan_walks(context.org, at(50), 2).await.unwrap(), 2);
    assert_eq!(store.plan_walks(context.org, at(50), 2).await.unwrap(), 1);
    assert_eq!(store.plan_walks(context.org, at(55), 2).await.unwrap(), 1, "recent ones are looked at again");
    let due: Vec<BucketId> =
        store.due_walks(None, None, at(50), 10).await.unwrap().iter().map(|plan| plan.bucket_id).collect();
    assert!(due.len() == 2 && due.contains(&buckets[0]) && due.contains(&buckets[2]), "{due:?}");

    let later = context.bucket_in(context.workspace, "d", at(60)).await;
    let earlier = context.bucket_in(context.workspace, "e", at(2)).await;
    assert_eq!(store.plan_walks(context.org, at(70), 5).await.unwrap(), 3);
    assert_eq!(store.walk_plan(earlier).await.unwrap().unwrap().due_at, Some(at(70)), "it came late");
    assert_eq!(store.walk_plan(buckets[2]).await.unwrap().unwrap().due_at, Some(at(50)), "its plan stays");
    assert_eq!(store.walk_plan(later).await.unwrap().unwrap().due_at, Some(at(70)));
    // A walk in progress is left alone when everything is planned again.
    let node = context.node("node-1").await;
    let owner = claimed(&context, later, node, 80).await;
    store.set_inventory_schedule(context.org, Some(&schedule(12)), &audit(at(0))).await.unwrap();
    assert_eq!(store.plan_walks(context.org, at(90), 10).await.unwrap(), 5);
    assert_eq!(store.walks_of_node(node).await.unwrap(), [owner]);
    assert_eq!(store.walk_plan(later).await.unwrap().unwrap().due_at, Some(at(200)));
}

pub async fn old_results_are_dropped(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (bucket, node) = (context.bucket("photos").await, context.node("node-1").await);
    for round in 1..=5 {
        let start = round * 100;
        let owner = claimed(&context, bucket, node, start).await;
        store.end_walk(&owner, &finished(1, start, start + 10), None, at(start + 10)).await.unwrap();
    }
    let kept = store.inventories(bucket, 10).await.unwrap();
    let times: Vec<_> = kept.iter().map(|one| one.finished_at).collect();
    assert_eq!(times, [at(510), at(410), at(310)]);
    assert_eq!(store.inventories(bucket, 1).await.unwrap().len(), 1);
}

pub async fn a_bucket_that_moves_or_is_removed_loses_its_sizes(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (bucket, node) = (context.bucket("photos").await, context.node("node-1").await);
    let owner = claimed(&context, bucket, node, 100).await;
    store.end_walk(&owner, &finished(1, 100, 110), None, at(110)).await.unwrap();

    let mut update = BucketUpdate { record_change: true, ..context.update_of(bucket).await };
    update.location.key = Some("AKIAOTHER".to_owned());
    store.update_bucket(&update, &audit(at(120))).await.unwrap();
    assert!(store.bucket_size(bucket).await.unwrap().is_some(), "another key opens the same place");

    let own = InventorySetting::Own(schedule(6));
    store.set_inventory_setting(context.org, bucket, Some(&own), None, &audit(at(0))).await.unwrap();
    let owner = claimed(&context, bucket, node, 200).await;
    let mut update = BucketUpdate { record_change: true, ..context.update_of(bucket).await };
    update.location.endpoint = Some("https://elsewhere.example.com".parse().unwrap());
    store.update_bucket(&update, &audit(at(210))).await.unwrap();
    assert_eq!(store.bucket_size(bucket).await.unwrap(), None);
    assert!(store.inventories(bucket, 10).await.unwrap().is_empty());
    assert!(!store.save_walk(&owner, None, at(400), at(220)).await.unwrap(), "the walk began elsewhere");
    assert_eq!(store.walk_plan(bucket).await.unwrap().unwrap().setting, Some(own), "the setting stays");

    store.delete_bucket(context.org, bucket, &audit(at(300))).await.unwrap();
    assert_eq!(store.walk_plan(bucket).await.unwrap(), None);
    assert!(!store.request_walk(context.org, bucket, &audit(at(310))).await.unwrap());
}

pub async fn lists_show_sizes(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (measured, node) = (context.bucket("measured").await, context.node("node-1").await);
    context.bucket("not measured").await;
    let owner = claimed(&context, measured, node, 100).await;
    store.end_walk(&owner, &finished(5, 100, 110), None, at(110)).await.unwrap();
    let listed = store.buckets(&context.query(Visibility::Organization, None, 10)).await.unwrap();
    for one in listed {
        let expected = (one.bucket.id == measured).then_some((1, 5, at(110)));
        assert_eq!(one.size.map(|size| (size.objects, size.bytes, size.measured_at)), expected);
    }
}

pub async fn late_and_failed_walks_are_found(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let other = TestContext::another(store).await;
    let troubled = async || {
        let plans = store.troubled_walks(context.org, at(1_000), 10).await.unwrap();
        plans.into_iter().map(|plan| plan.bucket_id).collect::<Vec<_>>()
    };
    let own = InventorySetting::Own(schedule(6));
    let due = async |of: &TestContext<'_>, label: &str, seconds| {
        let bucket = of.bucket(label).await;
        let record = audit(at(0));
        let set = store.set_inventory_setting(of.org, bucket, Some(&own), Some(at(seconds)), &record);
        assert!(set.await.unwrap());
        bucket
    };
    due(&context, "in time", 1_000).await;
    due(&other, "of others", 10).await;
    let (late, later) = (due(&context, "late", 999).await, due(&context, "later", 500).await);
    assert_eq!(troubled().await, [later, late]);

    let failed = context.bucket("failed").await;
    let owner = claimed(&context, failed, node, 100).await;
    let outcome = WalkOutcome::Abandon { reason: "No.".to_owned() };
    assert!(store.end_walk(&owner, &outcome, Some(at(5_000)), at(200)).await.unwrap());
    assert_eq!(troubled().await, [later, late, failed]);
    let owner = claimed(&context, failed, node, 300).await;
    assert!(store.end_walk(&owner, &finished(1, 300, 400), Some(at(5_000)), at(400)).await.unwrap());
    assert_eq!(troubled().await, [later, late], "it has succeeded since");
}
