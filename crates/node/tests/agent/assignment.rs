//! Which buckets an agent probes when the control plane gives it a share.

use bucketry_model::diagnosis::CheckScope;
use bucketry_model::id::{BucketId, NodeId};
use bucketry_model::node_protocol::{NodeBucket, StatusCounts, SyncAnswer, Task, Validation};
use bucketry_model::pinning::BucketPins;
use bucketry_model::probe_share::{ProbeAssignment, ProbeShare, slot_of};
use jiff::Timestamp;

use crate::context::{TestContext, bucket, id, location, nothing, org, seconds};

const SLOTS: u32 = 4;

/// A share with the slot of a bucket.
fn share_with(id: BucketId) -> ProbeShare {
    ProbeShare { slots: SLOTS, mine: vec![slot_of(id, SLOTS)] }
}

/// A share without the slot of a bucket.
fn share_without(id: BucketId) -> ProbeShare {
    let mine = (0..SLOTS).filter(|slot| *slot != slot_of(id, SLOTS)).collect();
    ProbeShare { slots: SLOTS, mine }
}

fn assign(context: &TestContext, share: ProbeShare) {
    context.control_plane.announce(SyncAnswer { probing: Some(share.into()), ..nothing() });
}

fn released(context: &TestContext) -> Vec<BucketId> {
    let state = context.control_plane.state();
    state.heartbeats.iter().flat_map(|(_, heartbeat)| heartbeat.released.clone()).collect()
}

/// Waits until heartbeats have reported what happened.
async fn heartbeat() {
    seconds(21).await;
}

#[tokio::test(start_paused = true)]
async fn only_buckets_of_the_share_are_probed_and_counted() {
    let context = TestContext::start();
    let all: Vec<u16> = (1..=20).collect();
    let share = share_with(id(1));
    let mine: Vec<u16> = all.iter().copied().filter(|n| share.contains(id(*n))).collect();
    assert!(!mine.is_empty() && mine.len() < all.len());
    let buckets = all.iter().map(|n| bucket(*n, 1)).collect();
    context.control_plane.announce(SyncAnswer {
        snapshot: true,
        buckets,
        probing: Some(share.clone().into()),
        ..nothing()
    });
    seconds(200).await;
    for n in &all {
        let probes = context.cloud.probes(&format!("b{n}")).len();
        assert_eq!(probes > 0, mine.contains(n), "bucket {n}: {probes} probes");
    }
    let online = mine.len() as u64;
    assert_eq!(context.agent.metrics().buckets, StatusCounts { online, offline: 0, unknown: 0 });
    assert_eq!(released(&context), []);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_leaves_the_share_is_probed_until_others_do_and_then_released() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    seconds(30).await;
    assign(&context, share_without(id(1)));
    let before = context.cloud.probes("b1").len();
    seconds(115).await;
    let handing_over = context.cloud.probes("b1").len();
    assert!(handing_over > before, "others have to begin first");
    assert_eq!(released(&context), []);
    seconds(80).await;
    heartbeat().await;
    assert_eq!(released(&context), [id(1)], "told once");
    let after = context.cloud.probes("b1").len();
    seconds(300).await;
    assert_eq!(context.cloud.probes("b1").len(), after);
    assert_eq!(context.agent.metrics().buckets, StatusCounts::default());

    assign(&context, share_with(id(1)));
    seconds(5).await;
    assert_eq!(context.cloud.probes("b1").len(), after + 1, "probed at once when it is back");
    assert_eq!(context.agent.metrics().buckets, StatusCounts { online: 1, offline: 0, unknown: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_share_that_comes_back_in_time_changes_nothing() {
    let context = TestContext::start();
    context.snapshot(vec![bucket(1, 1)]);
    seconds(30).await;
    assign(&context, share_without(id(1)));
    seconds(60).await;
    assign(&context, share_with(id(1)));
    seconds(600).await;
    assert_eq!(released(&context), []);
    let probes = context.cloud.probes("b1").len();
    assert!((10..=13).contains(&probes), "{probes} probes");
}

#[tokio::test(start_paused = true)]
async fn what_the_node_validated_is_probed_for_a_while_because_it_counts_as_a_report() {
    let context = TestContext::start();
    assign(&context, share_without(id(1)));
    seconds(1).await;
    context.give(Task::Validate(Validation {
        org_id: org(),
        bucket_id: id(1),
        location: location("b1", None),
        secret: None,
        scope: CheckScope::default(),
        deadline_ms: 10_000,
    }));
    seconds(3).await;
    context.change(vec![bucket(1, 1)]);
    seconds(60).await;
    assert!(!context.cloud.probes("b1").is_empty());
    seconds(150).await;
    heartbeat().await;
    assert_eq!(released(&context), [id(1)]);
    let after = context.cloud.probes("b1").len();
    seconds(300).await;
    assert_eq!(context.cloud.probes("b1").len(), after);
}

/// A bucket that is pinned to a node, and to a region if one is given. The node of the tests is in the region `eu`.
fn pinned(n: u16, version: i64, region: Option<&str>) -> NodeBucket {
    let node = NodeId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    let pinned_to = BucketPins::new([node], region.map(str::to_owned)).unwrap();
    NodeBucket { pinned_to, ..bucket(n, version) }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_pinned_to_the_node_is_probed_whatever_its_share() {
    let context = TestContext::start();
    assign(&context, share_without(id(1)));
    seconds(1).await;
    context.change(vec![pinned(1, 1, None)]);
    seconds(300).await;
    assert!(context.cloud.probes("b1").len() > 3);
    assert_eq!(released(&context), []);

    context.change(vec![bucket(1, 2)]);
    seconds(200).await;
    heartbeat().await;
    assert_eq!(released(&context), [id(1)], "others probe it when it isn't pinned any more");
    let after = context.cloud.probes("b1").len();
    context.change(vec![pinned(1, 3, None)]);
    seconds(5).await;
    assert_eq!(context.cloud.probes("b1").len(), after + 1, "probed at once");
}

#[tokio::test(start_paused = true)]
async fn buckets_that_are_pinned_to_a_region_are_divided_among_its_nodes() {
    let context = TestContext::start();
    let divided = |share, in_region| ProbeAssignment { share, in_region: Some(in_region) };
    context.control_plane.announce(SyncAnswer {
        snapshot: true,
        buckets: vec![bucket(1, 1), pinned(2, 1, Some("EU"))],
        probing: Some(divided(share_with(id(1)), share_without(id(2)))),
        ..nothing()
    });
    seconds(100).await;
    assert!(!context.cloud.probes("b1").is_empty());
    assert_eq!(context.cloud.probes("b2").len(), 0, "another node of the region probes it");
    let probing = Some(divided(share_without(id(1)), share_with(id(2))));
    context.control_plane.announce(SyncAnswer { probing, ..nothing() });
    seconds(300).await;
    heartbeat().await;
    assert!(!context.cloud.probes("b2").is_empty());
    assert_eq!(released(&context), [id(1)]);
}
