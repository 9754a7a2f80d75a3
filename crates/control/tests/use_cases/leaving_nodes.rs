//! Tests of nodes that stop or die while they are to validate a bucket: another node does it, or the caller learns at once that
//! there is none.

use std::time::Duration;

use bucketry_control::buckets::{BucketInput, Validated};
use bucketry_control::{Error, Settings};
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use jiff::SignedDuration;
use tokio::time::timeout;

use crate::support::{FakeNode, TestContext};

/// Much less than the time that a node has for a validation, which is 14 s.
const SOON: Duration = Duration::from_secs(10);

const SECOND: &str = "second";

/// Jobs wait in memory, or in rows of the database.
fn both_settings() -> [Settings; 2] {
    [false, true].map(|shares_database| Settings { shares_database, ..Settings::default() })
}

/// A bucket, and a second node, which is asked first because it was seen last.
async fn two_nodes(settings: Settings) -> (TestContext, FakeNode, BucketId) {
    let cx = TestContext::with(settings).await;
    let id = cx.unchecked("Photos").await;
    let second = cx.node.elsewhere(SECOND).await;
    let node = second.register_as(SECOND).await.unwrap();
    cx.control.approve_node(&cx.owner, node.id, &second.recipient()).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(2));
    second.beat_as(SECOND, vec![]).await.unwrap();
    (cx, second, id)
}

async fn validate(cx: &TestContext, id: BucketId) -> Result<Validated, Error> {
    timeout(SOON, cx.control.validate_bucket(&cx.owner, id, &BucketInput::default())).await.unwrap()
}

/// The outcome of a validation while the first node does jobs, and after what else happens.
async fn validate_with_first(
    cx: &TestContext,
    id: BucketId,
    meanwhile: impl Future<Output = ()>,
) -> Validated {
    let work = async {
        meanwhile.await;
        loop {
            cx.node.work().await;
        }
    };
    tokio::select! {
        validated = validate(cx, id) => validated.unwrap(),
        () = work => unreachable!("it works until the validation has ended"),
    }
}

/// Has the second node fetch the validation.
async fn fetch(second: &FakeNode) {
    while second.sync_as(SECOND, "c.0", 1).await.unwrap().jobs.is_empty() {}
}

#[tokio::test]
async fn a_validation_that_a_dead_node_does_not_fetch_is_done_by_another_one() {
    for settings in both_settings() {
        let (cx, _dead, id) = two_nodes(settings).await;
        assert_eq!(validate_with_first(&cx, id, async {}).await.status, Status::Online);
    }
}

#[tokio::test]
async fn a_validation_that_a_stopping_node_has_fetched_and_not_done_is_done_by_another_one() {
    for settings in both_settings() {
        let (cx, second, id) = two_nodes(settings).await;
        let stop = async {
            fetch(&second).await;
            second.leave_as(SECOND).await;
        };
        assert_eq!(validate_with_first(&cx, id, stop).await.status, Status::Online);
    }
}

#[tokio::test]
async fn a_node_that_has_stopped_is_not_asked_and_one_that_was_started_again_is() {
    for settings in both_settings() {
        let (cx, second, id) = two_nodes(settings).await;
        second.leave_as(SECOND).await;
        assert_eq!(validate_with_first(&cx, id, async {}).await.status, Status::Online);
        let views = cx.control.node_views().await.unwrap();
        assert!(views.iter().all(|view| view.connected), "it may be back within a minute");

        cx.node.leave_as("node-1").await;
        let nobody = validate(&cx, id).await;
        assert!(matches!(nobody, Err(Error::NoNodeOnline)), "{nobody:?}");
        cx.node.beat(vec![]).await.unwrap();
        assert_eq!(validate_with_first(&cx, id, async {}).await.status, Status::Online);
    }
}

#[tokio::test]
async fn without_another_node_the_end_of_the_only_one_ends_the_validation() {
    for settings in both_settings() {
        let cx = TestContext::with(settings).await;
        let id = cx.unchecked("Photos").await;
        let stop = async {
            while cx.node.sync("c.0", 1).await.unwrap().jobs.is_empty() {}
            cx.node.leave_as("node-1").await;
        };
        let (nobody, ()) = tokio::join!(validate(&cx, id), stop);
        assert!(matches!(nobody, Err(Error::NoNodeOnline)), "{nobody:?}");
    }
}

/// Heartbeats of two processes that run as the only node: after how many seconds, which one, and whether it says that it stops.
async fn after(cx: &TestContext, heartbeats: &[(i64, &str, bool)]) {
    for (seconds, process, leaving) in heartbeats {
        cx.clock.advance(SignedDuration::from_secs(*seconds));
        cx.node.beat_of_process(process, *leaving).await;
    }
}

#[tokio::test]
async fn a_node_stays_while_another_of_its_processes_runs() {
    let old_one_stops = [(0, "old", false), (5, "new", false), (15, "old", false), (2, "old", true)];
    let new_one_stops = [(0, "old", false), (10, "new", false), (5, "new", true)];
    for heartbeats in [&old_one_stops[..], &new_one_stops] {
        let cx = TestContext::new().await;
        let id = cx.unchecked("Photos").await;
        after(&cx, heartbeats).await;
        assert_eq!(validate_with_first(&cx, id, async {}).await.status, Status::Online);
    }
}

#[tokio::test]
async fn a_node_whose_last_process_stops_is_not_asked() {
    let restarted = [(0, "first", false), (5, "first", true), (3, "second", false), (5, "second", true)];
    let replaced = [(0, "old", false), (5, "new", false), (20, "new", false), (30, "new", true)];
    let new_one_first = [(0, "old", false), (5, "new", false), (2, "new", true), (3, "old", true)];
    let old_one_first = [(0, "old", false), (5, "new", false), (2, "old", true), (3, "new", true)];
    for heartbeats in [&restarted[..], &replaced, &new_one_first, &old_one_first] {
        let cx = TestContext::new().await;
        let id = cx.unchecked("Photos").await;
        after(&cx, heartbeats).await;
        let nobody = validate(&cx, id).await;
        assert!(matches!(nobody, Err(Error::NoNodeOnline)), "{nobody:?}");
    }
}

#[tokio::test]
async fn a_node_stays_while_another_control_plane_hears_from_its_other_process() {
    let cx = TestContext::new().await;
    let elsewhere = cx.node.at(&cx.another_process(Settings::default()));
    let id = cx.unchecked("Photos").await;
    cx.node.beat_of_process("old", false).await;
    elsewhere.beat_of_process("new", false).await;
    // This control plane has read the nodes before.
    cx.node.beat_of_process("old", true).await;
    assert_eq!(validate_with_first(&cx, id, async {}).await.status, Status::Online);
}

#[tokio::test]
async fn a_validation_that_a_node_had_fetched_when_it_was_restarted_is_done_by_another_node() {
    for settings in both_settings() {
        let (cx, second, id) = two_nodes(settings).await;
        second.beat_of_process_as(SECOND, "before", false).await;
        let restart = async {
            fetch(&second).await;
            second.beat_of_process_as(SECOND, "before", true).await;
            second.beat_of_process_as(SECOND, "after", false).await;
        };
        assert_eq!(validate_with_first(&cx, id, restart).await.status, Status::Online);
    }
}

#[tokio::test]
async fn a_validation_that_one_of_two_processes_had_fetched_when_it_stopped_is_done_by_another_node() {
    for settings in both_settings() {
        let (cx, second, id) = two_nodes(settings).await;
        second.beat_of_process_as(SECOND, "new", false).await;
        second.beat_of_process_as(SECOND, "old", false).await;
        let stop = async {
            fetch(&second).await;
            second.beat_of_process_as(SECOND, "old", true).await;
        };
        assert_eq!(validate_with_first(&cx, id, stop).await.status, Status::Online);
    }
}
