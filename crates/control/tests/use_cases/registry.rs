//! Buckets from registration to deletion, seen through the use cases.

use std::time::Duration;

use crate::support::World;
use bucketry_control::Error;
use bucketry_control::buckets::BucketInput;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::node_protocol::{BucketStatus, UsageBatch};
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::{Clock as _, Day};
use bucketry_model::usage::UsageRow;
use jiff::SignedDuration;

fn probe(world: &World, bucket_id: bucketry_model::id::BucketId, online: bool) -> BucketStatus {
    let failure = ProbeFailure { code: CheckCode::ConnectionRefused, message: "nothing listens".to_owned() };
    BucketStatus {
        bucket_id,
        status: if online { ProbedStatus::Online } else { ProbedStatus::Offline },
        latency_ms: online.then_some(7),
        created_at: world.clock.now(),
        failure: (!online).then_some(failure),
        version: None,
    }
}

#[tokio::test]
async fn a_bucket_is_stored_once_a_node_found_it_healthy_and_the_node_saw_the_plain_secret() {
    let world = World::new().await;
    let _node = world.node.work_on();
    let created = world.control.create_bucket(&world.owner, &world.bucket("Photos")).await.unwrap();
    assert!(created.diagnosis.unwrap().is_healthy());
    assert_eq!(*world.node.opened.lock().unwrap(), ["the-plain-secret"]);
    let bucket = world.control.bucket(&world.owner, created.id).await.unwrap();
    assert!(bucket.has_secret && bucket.bucket.secret.is_none());
}

#[tokio::test]
async fn a_bucket_that_can_not_be_reached_is_not_stored() {
    let world = World::new().await;
    let _node = world.node.work_on();
    *world.node.finds.lock().unwrap() = Some(CheckCode::SecretWrong);
    let refused = world.control.create_bucket(&world.owner, &world.bucket("Photos")).await;
    assert!(matches!(refused, Err(Error::ValidationFailed(_))), "{refused:?}");
    assert!(world.control.list_buckets(&world.owner, None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_node_that_never_answers_lets_the_registration_end_in_time_and_stores_nothing() {
    let short = Duration::from_millis(20);
    let settings = bucketry_control::Settings {
        validation_deadline: short,
        validation_round_trip: short,
        ..Default::default()
    };
    let world = World::with(settings).await;
    let refused = world.control.create_bucket(&world.owner, &world.bucket("Photos")).await;
    assert!(matches!(refused, Err(Error::NodeTimeout)), "{refused:?}");
    assert!(world.control.list_buckets(&world.owner, None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_connected_node_only_unchecked_buckets_are_stored() {
    let world = World::new().await;
    world.clock.advance(SignedDuration::from_secs(61));
    let refused = world.control.create_bucket(&world.owner, &world.bucket("Photos")).await;
    assert!(matches!(refused, Err(Error::NoNodeOnline)), "{refused:?}");
    let id = world.unchecked("Photos").await;
    assert_eq!(world.control.bucket(&world.owner, id).await.unwrap().status, Status::Disconnected);
}

#[tokio::test]
async fn the_same_name_in_other_letters_is_taken_until_the_first_is_deleted() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    let input = BucketInput { skip_validation: true, ..world.bucket(" pHOTOS ") };
    let refused = world.control.create_bucket(&world.owner, &input).await;
    assert!(matches!(refused, Err(Error::NameTaken(_))), "{refused:?}");
    world.control.delete_bucket(&world.owner, id).await.unwrap();
    assert!(world.control.create_bucket(&world.owner, &input).await.is_ok());
    let gone = world.control.delete_bucket(&world.owner, id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn an_update_that_fails_its_validation_changes_nothing() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    let _node = world.node.work_on();
    *world.node.finds.lock().unwrap() = Some(CheckCode::SecretWrong);
    let input = BucketInput {
        name: Some("Renamed".to_owned()),
        secret: Some(Secret::new("another")),
        ..BucketInput::default()
    };
    let refused = world.control.update_bucket(&world.owner, id, &input).await;
    assert!(matches!(refused, Err(Error::ValidationFailed(_))), "{refused:?}");
    assert_eq!(world.control.bucket(&world.owner, id).await.unwrap().bucket.name.as_str(), "Photos");

    *world.node.finds.lock().unwrap() = None;
    let validated = world.control.validate_bucket(&world.owner, id, &BucketInput::default()).await.unwrap();
    assert_eq!(validated.status, Status::Online);
    assert_eq!(*world.node.opened.lock().unwrap(), ["another", "the-plain-secret"]);
}

#[tokio::test]
async fn renaming_asks_no_node() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    let input = BucketInput { name: Some("Pictures".to_owned()), ..BucketInput::default() };
    let updated = world.control.update_bucket(&world.owner, id, &input).await.unwrap();
    assert!(updated.diagnosis.is_none());
    assert_eq!(world.control.bucket(&world.owner, id).await.unwrap().bucket.name.as_str(), "Pictures");
}

#[tokio::test]
async fn the_quota_is_told_with_its_number_and_freed_by_deleting() {
    let settings = bucketry_control::Settings { bucket_quota: Some(1), ..Default::default() };
    let world = World::with(settings).await;
    let id = world.unchecked("One").await;
    let input = BucketInput { skip_validation: true, ..world.bucket("Two") };
    let refused = world.control.create_bucket(&world.owner, &input).await;
    assert!(matches!(refused, Err(Error::QuotaExceeded(1))), "{refused:?}");
    world.control.delete_bucket(&world.owner, id).await.unwrap();
    assert!(world.control.create_bucket(&world.owner, &input).await.is_ok());
}

#[tokio::test]
async fn statuses_follow_the_node_and_its_silence() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    let before = world.control.bucket_generation(&world.owner).await.unwrap();
    world.node.beat(vec![probe(&world, id, true)]).await.unwrap();
    assert_ne!(world.control.bucket_generation(&world.owner).await.unwrap(), before);
    let bucket = world.control.bucket(&world.owner, id).await.unwrap();
    assert_eq!((bucket.status, bucket.latency_ms), (Status::Online, Some(7)));

    world.clock.advance(SignedDuration::from_secs(30));
    world.node.beat(vec![probe(&world, id, false)]).await.unwrap();
    assert_eq!(world.control.bucket(&world.owner, id).await.unwrap().status, Status::Offline);
    let listed = world.control.list_buckets(&world.owner, None, None, 10).await.unwrap();
    assert_eq!((listed[0].status, listed[0].latency_ms), (Status::Offline, None));

    let connected = world.control.bucket_generation(&world.owner).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(60));
    assert_ne!(world.control.bucket_generation(&world.owner).await.unwrap(), connected);
    let nodes = world.control.bucket_status(&world.owner, id).await.unwrap();
    assert_eq!(nodes[0].status, Status::Disconnected);
    let listed = world.control.list_buckets(&world.owner, None, None, 10).await.unwrap();
    assert_eq!(listed[0].status, Status::Disconnected);
}

#[tokio::test]
async fn a_day_tells_uptime_and_the_last_failure_and_other_days_are_empty() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    world.node.beat(vec![probe(&world, id, true)]).await.unwrap();
    for online in [false, true] {
        world.clock.advance(SignedDuration::from_secs(60));
        world.node.beat(vec![probe(&world, id, online)]).await.unwrap();
    }
    let today = Day::of(world.clock.now());
    let day = world.control.bucket_day(&world.owner, id, today).await.unwrap();
    assert_eq!(day.len(), 1);
    assert!((day[0].record.uptime_percent() - 50.0).abs() < 0.001);
    assert_eq!((day[0].record.probes, day[0].record.failures), (3, 1));
    assert_eq!(day[0].record.last_failure.as_ref().unwrap().code, CheckCode::ConnectionRefused);
    let other = Day::from_number(today.number() + 1);
    assert!(world.control.bucket_day(&world.owner, id, other).await.unwrap().is_empty());
}

#[tokio::test]
async fn traffic_that_is_reported_twice_counts_once() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    let row = UsageRow {
        minute: world.clock.now().as_second() / 60 * 60,
        bucket_id: id,
        repo_id: None,
        requests: 3,
        errors: 0,
        upload_bytes: 10,
        download_bytes: 20,
        size_change: -5,
        latency_sum_ms: 9,
        ..UsageRow::empty(world.clock.now().as_second() / 60 * 60, id, None)
    };
    let batch = |number| UsageBatch { spool: "spool".to_owned(), number, rows: vec![row.clone()] };
    world.node.count(batch(1)).await.unwrap();
    world.node.count(batch(1)).await.unwrap();
    world.node.count(batch(2)).await.unwrap();
    let early = world.node.count(batch(4)).await;
    assert!(matches!(early, Err(Error::Rule { code: "BATCH_OUT_OF_ORDER", .. })), "{early:?}");
    let totals = {
        let selection = world.control.select_buckets(&world.owner, Some(&[id]), None).await.unwrap();
        world.control.bucket_totals(&selection, None, 10).await.unwrap()[0].totals
    };
    assert_eq!(
        (totals.requests, totals.upload_bytes, totals.download_bytes, totals.size_change),
        (6, 20, 40, -10)
    );
    world.control.delete_bucket(&world.owner, id).await.unwrap();
    world.node.count(batch(3)).await.unwrap();
}
