//! Outages of buckets at nodes that come and go, flap, and have wrong clocks.

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use jiff::{SignedDuration, Timestamp};

use crate::support::TestContext;

const START: &str = "2026-03-01T10:00:00Z";

/// Seconds since the start of the test.
fn seconds(time: Timestamp) -> i64 {
    time.duration_since(START.parse().unwrap()).as_secs()
}

fn probe(cx: &TestContext, bucket_id: BucketId, status: ProbedStatus) -> BucketStatus {
    let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: "no answer".to_owned() };
    BucketStatus {
        bucket_id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: cx.clock.now(),
        failure: (status == ProbedStatus::Offline).then_some(failure),
        version: None,
    }
}

async fn beat(cx: &TestContext, node: &str, id: BucketId, status: ProbedStatus) {
    cx.node.beat_as(node, vec![probe(cx, id, status)]).await.unwrap();
}

/// The starts and ends of all outages, newest first.
async fn outages(cx: &TestContext, id: BucketId) -> Vec<(i64, Option<i64>)> {
    let found = cx.control.bucket_outages(&cx.owner, id, None, None).await.unwrap();
    assert!(found.complete);
    found.outages.iter().map(|one| (seconds(one.start), one.end.map(seconds))).collect()
}

fn pass(cx: &TestContext, seconds: i64) {
    cx.clock.advance(SignedDuration::from_secs(seconds));
}

#[tokio::test]
async fn a_node_that_fell_silent_hides_no_outage_that_another_sees() {
    use ProbedStatus::{Offline, Online};
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    cx.node.register_as("node-2").await.unwrap();
    beat(&cx, "node-1", id, Online).await;
    beat(&cx, "node-2", id, Online).await;
    pass(&cx, 30);
    beat(&cx, "node-2", id, Offline).await;
    assert_eq!(outages(&cx, id).await, [], "node 1 reaches it");
    pass(&cx, 40);
    beat(&cx, "node-2", id, Offline).await;
    assert_eq!(outages(&cx, id).await, [(60, None)], "node 1 has been DISCONNECTED for 10 s");
    pass(&cx, 50);
    cx.node.beat_as("node-2", vec![]).await.unwrap();
    pass(&cx, 30);
    // It finds the bucket as before, so there is no event.
    beat(&cx, "node-1", id, Online).await;
    assert_eq!(outages(&cx, id).await, [(60, Some(150))], "what is past stays as it was");
    pass(&cx, 10);
    beat(&cx, "node-2", id, Online).await;
    assert_eq!(outages(&cx, id).await, [(60, Some(150))]);

    // Everything stops for an hour. Nobody knows how the bucket was.
    pass(&cx, 3_600);
    beat(&cx, "node-1", id, Online).await;
    assert_eq!(outages(&cx, id).await, [(60, Some(150))]);
}

#[tokio::test]
async fn a_bucket_that_flaps_has_an_outage_for_each_time() {
    use ProbedStatus::{Offline, Online};
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    for _ in 0..200 {
        beat(&cx, "node-1", id, Online).await;
        pass(&cx, 5);
        beat(&cx, "node-1", id, Offline).await;
        pass(&cx, 5);
    }
    let found = outages(&cx, id).await;
    assert_eq!(found.len(), 200);
    assert_eq!((found[0], found[199]), ((1_995, None), (5, Some(10))));
}

#[tokio::test]
async fn a_clock_that_jumps_makes_no_outage_and_hides_none() {
    use ProbedStatus::{Offline, Online};
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    beat(&cx, "node-1", id, Online).await;
    cx.node.register_as("node-2").await.unwrap();
    beat(&cx, "node-2", id, Online).await;
    // The clock jumps two days ahead for a minute, and both nodes seem to have been silent.
    let two_days = SignedDuration::from_hours(48);
    cx.clock.advance(two_days);
    beat(&cx, "node-1", id, Online).await;
    cx.node.beat_as("node-2", vec![]).await.unwrap();
    cx.clock.advance(-two_days);
    pass(&cx, 60);
    cx.node.beat_as("node-1", vec![]).await.unwrap();
    beat(&cx, "node-2", id, Offline).await;
    assert_eq!(outages(&cx, id).await, [], "node 1 reaches it");
    // The clock falls back by an hour, and is set right.
    cx.clock.advance(SignedDuration::from_hours(-1));
    cx.node.beat_as("node-1", vec![]).await.unwrap();
    cx.clock.advance(SignedDuration::from_hours(1));
    pass(&cx, 10);
    beat(&cx, "node-1", id, Offline).await;
    assert_eq!(outages(&cx, id).await.len(), 1);
    pass(&cx, 10);
    beat(&cx, "node-1", id, Online).await;
    let [(start, Some(end))] = outages(&cx, id).await[..] else { panic!("one outage that has ended") };
    assert!(end >= start, "{start} to {end}");
}
