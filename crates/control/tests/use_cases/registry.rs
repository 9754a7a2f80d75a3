//! Tests of buckets, from registration to deletion.

use std::time::Duration;

use crate::support::TestContext;
use bucketry_control::Error;
use bucketry_control::buckets::BucketInput;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::node_protocol::{BucketStatus, UsageBatch};
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::{Clock as _, Day};
use bucketry_model::usage::UsageRow;
use jiff::SignedDuration;

fn probe(cx: &TestContext, bucket_id: bucketry_model::id::BucketId, online: bool) -> BucketStatus {
    let failure = ProbeFailure { code: CheckCode::ConnectionRefused, message: "nothing listens".to_owned() };
    BucketStatus {
        bucket_id,
        status: if online { ProbedStatus::Online } else { ProbedStatus::Offline },
        latency_ms: online.then_some(7),
        created_at: cx.clock.now(),
        failure: (!online).then_some(failure),
        version: None,
    }
}

#[tokio::test]
async fn a_bucket_is_stored_once_a_node_found_it_healthy_and_the_node_saw_the_plain_secret() {
    let cx = TestContext::new().await;
    let _node = cx.node.work_on();
    let created = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await.unwrap();
    assert!(created.diagnosis.unwrap().is_healthy());
    assert_eq!(*cx.node.opened.lock().unwrap(), ["the-plain-secret"]);
    let bucket = cx.control.bucket(&cx.owner, created.id).await.unwrap();
    assert!(bucket.has_secret && bucket.bucket.secret.is_none());
}

#[tokio::test]
async fn a_bucket_that_can_not_be_reached_is_not_stored() {
    let cx = TestContext::new().await;
    let _node = cx.node.work_on();
    *cx.node.finds.lock().unwrap() = Some(CheckCode::SecretWrong);
    let refused = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await;
    assert!(matches!(refused, Err(Error::ValidationFailed(_))), "{refused:?}");
    assert!(cx.control.list_buckets(&cx.owner, None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_node_that_never_answers_lets_the_registration_end_in_time_and_stores_nothing() {
    let short = Duration::from_millis(20);
    let settings = bucketry_control::Settings {
        validation_deadline: short,
        validation_round_trip: short,
        ..Default::default()
    };
    let cx = TestContext::with(settings).await;
    let refused = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await;
    assert!(matches!(refused, Err(Error::NodeTimeout)), "{refused:?}");
    assert!(cx.control.list_buckets(&cx.owner, None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_connected_node_only_unchecked_buckets_are_stored() {
    let cx = TestContext::new().await;
    cx.clock.advance(SignedDuration::from_secs(61));
    let refused = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await;
    assert!(matches!(refused, Err(Error::NoNodeOnline)), "{refused:?}");
    let id = cx.unchecked("Photos").await;
    assert_eq!(cx.control.bucket(&cx.owner, id).await.unwrap().status, Status::Disconnected);
}

#[tokio::test]
async fn the_same_name_in_other_letters_is_taken_until_the_first_is_deleted() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let input = BucketInput { skip_validation: true, ..cx.bucket(" pHOTOS ") };
    let refused = cx.control.create_bucket(&cx.owner, &input).await;
    assert!(matches!(refused, Err(Error::NameTaken(_))), "{refused:?}");
    cx.control.delete_bucket(&cx.owner, id).await.unwrap();
    assert!(cx.control.create_bucket(&cx.owner, &input).await.is_ok());
    let gone = cx.control.delete_bucket(&cx.owner, id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn an_update_that_fails_its_validation_changes_nothing() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let _node = cx.node.work_on();
    *cx.node.finds.lock().unwrap() = Some(CheckCode::SecretWrong);
    let input = BucketInput {
        name: Some("Renamed".to_owned()),
        secret: Some(Secret::new("another")),
        ..BucketInput::default()
    };
    let refused = cx.control.update_bucket(&cx.owner, id, &input).await;
    assert!(matches!(refused, Err(Error::ValidationFailed(_))), "{refused:?}");
    assert_eq!(cx.control.bucket(&cx.owner, id).await.unwrap().bucket.name.as_str(), "Photos");

    *cx.node.finds.lock().unwrap() = None;
    let validated = cx.control.validate_bucket(&cx.owner, id, &BucketInput::default()).await.unwrap();
    assert_eq!(validated.status, Status::Online);
    assert_eq!(*cx.node.opened.lock().unwrap(), ["another", "the-plain-secret"]);
}

#[tokio::test]
async fn renaming_asks_no_node() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let input = BucketInput { name: Some("Pictures".to_owned()), ..BucketInput::default() };
    let updated = cx.control.update_bucket(&cx.owner, id, &input).await.unwrap();
    assert!(updated.diagnosis.is_none());
    assert_eq!(cx.control.bucket(&cx.owner, id).await.unwrap().bucket.name.as_str(), "Pictures");
}

#[tokio::test]
async fn the_quota_is_told_with_its_number_and_freed_by_deleting() {
    let settings = bucketry_control::Settings { bucket_quota: Some(1), ..Default::default() };
    let cx = TestContext::with(settings).await;
    let id = cx.unchecked("One").await;
    let input = BucketInput { skip_validation: true, ..cx.bucket("Two") };
    let refused = cx.control.create_bucket(&cx.owner, &input).await;
    assert!(matches!(refused, Err(Error::QuotaExceeded(1))), "{refused:?}");
    cx.control.delete_bucket(&cx.owner, id).await.unwrap();
    assert!(cx.control.create_bucket(&cx.owner, &input).await.is_ok());
}

#[tokio::test]
async fn statuses_follow_the_node_and_its_silence() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let before = cx.control.bucket_generation(&cx.owner).await.unwrap();
    cx.node.beat(vec![probe(&cx, id, true)]).await.unwrap();
    assert_ne!(cx.control.bucket_generation(&cx.owner).await.unwrap(), before);
    let bucket = cx.control.bucket(&cx.owner, id).await.unwrap();
    assert_eq!((bucket.status, bucket.latency_ms), (Status::Online, Some(7)));

    cx.clock.advance(SignedDuration::from_secs(30));
    cx.node.beat(vec![probe(&cx, id, false)]).await.unwrap();
    assert_eq!(cx.control.bucket(&cx.owner, id).await.unwrap().status, Status::Offline);
    let listed = cx.control.list_buckets(&cx.owner, None, None, 10).await.unwrap();
    assert_eq!((listed[0].status, listed[0].latency_ms), (Status::Offline, None));

    let connected = cx.control.bucket_generation(&cx.owner).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(60));
    assert_ne!(cx.control.bucket_generation(&cx.owner).await.unwrap(), connected);
    let nodes = cx.control.bucket_status(&cx.owner, id).await.unwrap();
    assert_eq!(nodes[0].status, Status::Disconnected);
    let listed = cx.control.list_buckets(&cx.owner, None, None, 10).await.unwrap();
    assert_eq!(listed[0].status, Status::Disconnected);
}

#[tokio::test]
async fn a_day_tells_uptime_and_the_last_failure_and_other_days_are_empty() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    cx.node.beat(vec![probe(&cx, id, true)]).await.unwrap();
    for online in [false, true] {
        cx.clock.advance(SignedDuration::from_secs(60));
        cx.node.beat(vec![probe(&cx, id, online)]).await.unwrap();
    }
    let today = Day::of(cx.clock.now());
    let day = cx.control.bucket_day(&cx.owner, id, today).await.unwrap();
    assert_eq!(day.len(), 1);
    assert!((day[0].record.uptime_percent() - 50.0).abs() < 0.001);
    assert_eq!((day[0].record.probes, day[0].record.failures), (3, 1));
    assert_eq!(day[0].record.last_failure.as_ref().unwrap().code, CheckCode::ConnectionRefused);
    let other = Day::from_number(today.number() + 1);
    assert!(cx.control.bucket_day(&cx.owner, id, other).await.unwrap().is_empty());
}

#[tokio::test]
async fn traffic_that_is_reported_twice_counts_once() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let row = UsageRow {
        minute: cx.clock.now().as_second() / 60 * 60,
        bucket_id: id,
        repo_id: None,
        requests: 3,
        errors: 0,
        upload_bytes: 10,
        download_bytes: 20,
        size_change: -5,
        latency_sum_ms: 9,
        ..UsageRow::empty(cx.clock.now().as_second() / 60 * 60, id, None)
    };
    let batch = |number| UsageBatch { spool: "spool".to_owned(), number, rows: vec![row.clone()] };
    cx.node.count(batch(1)).await.unwrap();
    cx.node.count(batch(1)).await.unwrap();
    cx.node.count(batch(2)).await.unwrap();
    let early = cx.node.count(batch(4)).await;
    assert!(matches!(early, Err(Error::Rule { code: "BATCH_OUT_OF_ORDER", .. })), "{early:?}");
    let totals = {
        let selection = cx.control.select_buckets(&cx.owner, Some(&[id]), None).await.unwrap();
        cx.control.bucket_totals(&selection, None, 10).await.unwrap()[0].totals
    };
    assert_eq!(
        (totals.requests, totals.upload_bytes, totals.download_bytes, totals.size_change),
        (6, 20, 40, -10)
    );
    cx.control.delete_bucket(&cx.owner, id).await.unwrap();
    cx.node.count(batch(3)).await.unwrap();
}
