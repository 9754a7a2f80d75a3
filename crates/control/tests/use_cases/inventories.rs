//! Inventories: which walks nodes get, and what becomes of their reports.

use bucketry_control::Error;
use bucketry_control::inventories::{ScheduleInput, SettingInput};
use bucketry_model::id::BucketId;
use bucketry_model::inventory::WalkState;
use bucketry_model::node_protocol::{
    InventoryOrders, InventoryReport, UsageBatch, WalkEnd, WalkOrder, WalkReport,
};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::time::Clock as _;
use bucketry_model::usage::UsageRow;
use jiff::SignedDuration;

use crate::support::{TestContext, sent};

async fn report_as(cx: &TestContext, node: &str, walks: Vec<WalkReport>, free: u32) -> InventoryOrders {
    let report = InventoryReport { ip: node.to_owned(), id_org: None, walks, free };
    let message = sent(&cx.node.signed("/node/inventory", &report));
    cx.control.inventory_report(message).await.unwrap()
}

async fn report(cx: &TestContext, walks: Vec<WalkReport>) -> InventoryOrders {
    report_as(cx, "node-1", walks, 2).await
}

fn walk(order: &WalkOrder, keys: u64, end: Option<WalkEnd>) -> WalkReport {
    let mut state = order.state.as_deref().and_then(WalkState::from_text).unwrap_or_default();
    for number in state.sum.objects..keys {
        state.sum.add(&format!("{number:05}/x"), 10, None);
    }
    state.requests = keys;
    WalkReport {
        bucket_id: order.bucket_id,
        started_at: order.started_at,
        state: state.to_text(),
        end,
        abandoned_uploads: None,
    }
}

fn own(every_hours: i64, window: Option<&str>) -> SettingInput {
    SettingInput::Own(ScheduleInput {
        every_hours: Some(every_hours),
        requests_per_second: Some(7),
        window: window.map(str::to_owned),
    })
}

async fn started(cx: &TestContext) -> (BucketId, WalkOrder) {
    let id = cx.unchecked("Photos").await;
    cx.control.start_inventory(&cx.owner, id).await.unwrap();
    let orders = report(cx, vec![]).await;
    (id, orders.walks.into_iter().next().unwrap())
}

#[tokio::test]
async fn a_requested_walk_is_assigned_saved_and_finished() {
    let cx = TestContext::new().await;
    let (id, order) = started(&cx).await;
    assert_eq!((order.bucket_id, &order.state, order.for_seconds), (id, &None, None));
    assert!(report(&cx, vec![walk(&order, 5, None)]).await.walks.is_empty());
    let view = cx.control.bucket_inventory(&cx.owner, id).await.unwrap();
    let progress = view.progress.unwrap();
    assert_eq!((progress.objects, progress.node.as_deref(), view.next_at), (5, Some("node-1"), None));

    report(&cx, vec![walk(&order, 9, Some(WalkEnd::Finished))]).await;
    let view = cx.control.bucket_inventory(&cx.owner, id).await.unwrap();
    assert!(view.progress.is_none() && view.next_at.is_none(), "it has no schedule");
    assert_eq!((view.results[0].objects, view.results[0].bytes), (9, 90));
    let current = view.current.unwrap();
    assert_eq!((current.bytes, current.is_measured), (90, true));

    let minute = cx.clock.now().as_second() / 60 * 60;
    let row = UsageRow { requests: 1, writes: 1, size_change: 33, ..UsageRow::empty(minute, id, None) };
    cx.node.count(UsageBatch { spool: "s".to_owned(), number: 1, rows: vec![row] }).await.unwrap();
    let current = cx.control.bucket_size(&cx.owner, id).await.unwrap().unwrap();
    assert_eq!((current.bytes, current.is_measured), (123, false), "traffic makes it an estimate");
}

#[tokio::test]
async fn a_node_that_was_killed_gets_its_walk_back_at_once_and_another_one_later() {
    let cx = TestContext::new().await;
    let (_, order) = started(&cx).await;
    report(&cx, vec![walk(&order, 5, None)]).await;
    // After its start, the node reports no walk.
    let again = report(&cx, vec![]).await.walks.remove(0);
    assert_eq!(again.started_at.as_microsecond(), order.started_at.as_microsecond());
    assert_eq!(again.state.as_deref().and_then(WalkState::from_text).unwrap().sum.objects, 5);

    cx.node.register_as("node-2").await.unwrap();
    assert!(report_as(&cx, "node-2", vec![], 2).await.walks.is_empty(), "it belongs to the first");
    cx.clock.advance(SignedDuration::from_secs(121));
    let taken = report_as(&cx, "node-2", vec![], 2).await.walks.remove(0);
    let late = report(&cx, vec![walk(&again, 6, None)]).await;
    assert_eq!(late.stop, [taken.bucket_id], "the first one was too late");
}

#[tokio::test]
async fn schedules_decide_when_a_walk_is_due() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    // It is 10:00.
    let view = cx.control.set_bucket_inventory(&cx.owner, id, &own(24, Some("12:00-13:00"))).await.unwrap();
    assert_eq!(view.next_at.unwrap().to_string(), "2026-03-01T12:00:00Z");
    assert!(report(&cx, vec![]).await.walks.is_empty());
    cx.clock.advance(SignedDuration::from_mins(150));
    let order = report(&cx, vec![]).await.walks.remove(0);
    assert_eq!(order.requests_per_second, 7);
    assert!(order.for_seconds.is_some_and(|seconds| seconds <= 1_800), "{order:?}");
    report(&cx, vec![walk(&order, 3, Some(WalkEnd::Paused))]).await;
    cx.clock.advance(SignedDuration::from_hours(1));
    assert!(report(&cx, vec![]).await.walks.is_empty(), "the window is closed");
    let view = cx.control.bucket_inventory(&cx.owner, id).await.unwrap();
    assert_eq!(view.progress.unwrap().continues_at.unwrap().to_string(), "2026-03-02T12:00:00Z");

    cx.control.set_bucket_inventory(&cx.owner, id, &SettingInput::Off).await.unwrap();
    cx.clock.advance(SignedDuration::from_hours(23));
    assert!(report(&cx, vec![]).await.walks.is_empty(), "it is off");
}

#[tokio::test]
async fn an_organizations_schedule_holds_for_buckets_without_their_own() {
    let cx = TestContext::new().await;
    let follows = cx.unchecked("Follows").await;
    let off = cx.unchecked("Off").await;
    cx.control.set_bucket_inventory(&cx.owner, off, &SettingInput::Off).await.unwrap();
    let input = ScheduleInput { every_hours: Some(24), ..ScheduleInput::default() };
    cx.control.set_organization_inventory(&cx.owner, cx.owner.org_id, Some(&input)).await.unwrap();
    let later = cx.unchecked("Later").await;
    cx.control.tidy().await.unwrap();
    let orders = report_as(&cx, "node-1", vec![], 8).await.walks;
    let mut given: Vec<BucketId> = orders.iter().map(|order| order.bucket_id).collect();
    given.sort();
    let mut expected = vec![follows, later];
    expected.sort();
    assert_eq!(given, expected);

    let done = orders.iter().map(|order| walk(order, 1, Some(WalkEnd::Finished))).collect();
    report(&cx, done).await;
    cx.clock.advance(SignedDuration::from_hours(23));
    assert!(report(&cx, vec![]).await.walks.is_empty());
    cx.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(report(&cx, vec![]).await.walks.len(), 2, "a day has passed");

    let member = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let refused = cx.control.set_organization_inventory(&member, cx.owner.org_id, None).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    assert!(cx.control.bucket_inventory(&member, follows).await.is_ok());
    let refused = cx.control.start_inventory(&member, follows).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{:?}", refused.err());
}

#[tokio::test]
async fn failures_wait_longer_each_time_and_end() {
    let cx = TestContext::new().await;
    let (id, mut order) = started(&cx).await;
    for failure in 0..8 {
        let reason = format!("No.\n{}", "x".repeat(2_000));
        let failed = walk(&order, 1, Some(WalkEnd::Failed { reason }));
        assert!(report(&cx, vec![failed]).await.walks.is_empty());
        let view = cx.control.bucket_inventory(&cx.owner, id).await.unwrap();
        let (message, _) = view.last_error.unwrap();
        assert!(message.len() == 500 && message.starts_with("No.x"), "{message}");
        if failure == 7 {
            assert!(view.progress.is_none(), "it was given up");
            break;
        }
        cx.clock.advance(SignedDuration::from_mins((1 << failure) - 1));
        assert!(report(&cx, vec![]).await.walks.is_empty(), "failure {failure}");
        cx.clock.advance(SignedDuration::from_mins(1));
        order = report(&cx, vec![]).await.walks.remove(0);
    }
    cx.clock.advance(SignedDuration::from_hours(1_000));
    assert!(report(&cx, vec![]).await.walks.is_empty());
}

#[tokio::test]
async fn a_bucket_that_is_deleted_during_its_walk_stops_it() {
    let cx = TestContext::new().await;
    let (id, order) = started(&cx).await;
    cx.control.delete_bucket(&cx.owner, id).await.unwrap();
    assert_eq!(report(&cx, vec![walk(&order, 5, None)]).await.stop, [id]);
    let finished = report(&cx, vec![walk(&order, 5, Some(WalkEnd::Finished))]).await;
    assert_eq!(finished.stop, [id]);
    assert!(matches!(cx.control.bucket_inventory(&cx.owner, id).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn results_that_cannot_be_read_and_messages_that_are_too_large_are_refused() {
    let cx = TestContext::new().await;
    let (id, order) = started(&cx).await;
    let garbage =
        |state: String| WalkReport { state: Some(state), ..walk(&order, 1, Some(WalkEnd::Finished)) };
    let large = InventoryReport {
        ip: "node-1".to_owned(),
        id_org: None,
        walks: vec![garbage("x".repeat(300_000))],
        free: 0,
    };
    let refused = cx.control.inventory_report(sent(&cx.node.signed("/node/inventory", &large))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    report(&cx, vec![garbage("{}".to_owned())]).await;
    let view = cx.control.bucket_inventory(&cx.owner, id).await.unwrap();
    assert!(view.results.is_empty() && view.last_error.unwrap().0.contains("can't be read"));
}
