//! What is found in the traffic and about the keys of buckets.

use bucketry_control::buckets::BucketInput;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode, SubjectKind};
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{BucketStatus, UsageBatch};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::secret::Secret;
use bucketry_model::status::ProbedStatus;
use bucketry_model::time::Clock as _;
use bucketry_model::usage::UsageRow;
use jiff::SignedDuration;

use crate::support::TestContext;

async fn found(cx: &TestContext) -> Vec<(FindingCode, SubjectKind)> {
    let found = cx.control.findings(&cx.owner).await.unwrap();
    found.into_iter().map(|one: Finding| (one.key.code, one.key.subject)).collect()
}

async fn beat(cx: &TestContext, bucket_id: BucketId, status: ProbedStatus) {
    let latency_ms = (status == ProbedStatus::Online).then_some(5);
    let created_at = cx.clock.now();
    let probe = BucketStatus { bucket_id, status, latency_ms, created_at, failure: None, version: None };
    cx.node.beat(vec![probe]).await.unwrap();
}

/// Lets time pass, with a successful probe of the bucket at its end.
async fn pass(cx: &TestContext, bucket_id: BucketId, seconds: i64) {
    cx.clock.advance(SignedDuration::from_secs(seconds));
    beat(cx, bucket_id, ProbedStatus::Online).await;
}

#[tokio::test]
async fn a_key_that_opens_other_buckets_is_found_once_a_day_and_forgotten_when_it_is_narrow() {
    const BROAD: (FindingCode, SubjectKind) = (FindingCode::KeyTooBroad, SubjectKind::Bucket);
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    pass(&cx, id, 10).await;
    let node = cx.node.work_on();
    *cx.node.other_buckets.lock().unwrap() = 12;
    assert_eq!(cx.control.check_due_keys().await.unwrap(), 1);
    assert_eq!(found(&cx).await, [BROAD]);
    let outsider = cx.member("outsider@example.com", None).await;
    assert!(cx.control.findings(&outsider).await.unwrap().is_empty());
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    assert_eq!(cx.control.findings(&reader).await.unwrap().len(), 1);

    *cx.node.other_buckets.lock().unwrap() = 0;
    pass(&cx, id, 23 * 3_600).await;
    assert_eq!(cx.control.check_due_keys().await.unwrap(), 0, "not before a day has passed");
    assert_eq!(found(&cx).await, [BROAD]);
    pass(&cx, id, 3_600).await;
    assert_eq!(cx.control.check_due_keys().await.unwrap(), 1);
    assert_eq!(found(&cx).await, []);
    drop(node);

    cx.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(cx.control.check_due_keys().await.unwrap(), 0, "the node is silent");
    pass(&cx, id, 0).await;
    let _node = cx.node.work_on();
    assert_eq!(cx.control.check_due_keys().await.unwrap(), 1, "so nothing was left out");
}

#[tokio::test]
async fn a_key_is_checked_again_soon_after_its_bucket_validates_or_changes() {
    const BROAD: (FindingCode, SubjectKind) = (FindingCode::KeyTooBroad, SubjectKind::Bucket);
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    pass(&cx, id, 10).await;
    let _node = cx.node.work_on();
    let others = |number| *cx.node.other_buckets.lock().unwrap() = number;
    let check = async || cx.control.check_due_keys().await.unwrap();
    let validate = async || cx.control.validate_bucket(&cx.owner, id, &BucketInput::default()).await.unwrap();
    others(12);
    assert_eq!(check().await, 1);
    assert_eq!(found(&cx).await, [BROAD]);

    others(0);
    *cx.node.finds.lock().unwrap() = Some(CheckCode::AccessDeniedList);
    validate().await;
    pass(&cx, id, 5).await;
    assert_eq!(check().await, 0, "the bucket isn't healthy");
    *cx.node.finds.lock().unwrap() = None;
    validate().await;
    validate().await;
    assert_eq!(check().await, 0, "nodes may not have it yet");
    pass(&cx, id, 5).await;
    assert_eq!(check().await, 1);
    assert_eq!(found(&cx).await, [], "the key was narrowed at the provider");
    assert_eq!(check().await, 0);

    others(3);
    let renamed = BucketInput { name: Some("Pictures".to_owned()), ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, id, &renamed).await.unwrap();
    pass(&cx, id, 5).await;
    assert_eq!(check().await, 0, "a name has no influence");
    let replaced = BucketInput {
        secret: Some(Secret::new("another-secret")),
        skip_validation: true,
        ..BucketInput::default()
    };
    cx.control.update_bucket(&cx.owner, id, &replaced).await.unwrap();
    *cx.node.config_version.lock().unwrap() = 3;
    pass(&cx, id, 5).await;
    assert_eq!(check().await, 1);
    assert_eq!(found(&cx).await, [BROAD]);
}

#[tokio::test]
async fn a_high_rate_of_errors_is_found_but_not_beside_an_outage() {
    const HIGH: (FindingCode, SubjectKind) = (FindingCode::ErrorRateHigh, SubjectKind::Bucket);
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    pass(&cx, id, 1).await;
    let mut number = 0;
    let mut count = async |requests, provider_errors| {
        number += 1;
        let minute = cx.clock.now().as_second() / 60 * 60;
        let errors = provider_errors;
        let row = UsageRow { requests, errors, provider_errors, ..UsageRow::empty(minute, id, None) };
        cx.node.count(UsageBatch { spool: "spool-1".to_owned(), number, rows: vec![row] }).await.unwrap();
    };
    pass(&cx, id, 300).await;
    count(100, 4).await;
    pass(&cx, id, 60).await;
    assert_eq!(found(&cx).await, []);
    count(100, 16).await;
    pass(&cx, id, 60).await;
    assert_eq!(found(&cx).await, [HIGH]);
    let outsider = cx.member("outsider@example.com", None).await;
    assert!(cx.control.findings(&outsider).await.unwrap().is_empty());

    pass(&cx, id, 540).await;
    assert_eq!(found(&cx).await, [], "ten minutes later it is over");
    count(100, 100).await;
    cx.clock.advance(SignedDuration::from_secs(61));
    beat(&cx, id, ProbedStatus::Offline).await;
    cx.clock.advance(SignedDuration::from_secs(31));
    assert_eq!(found(&cx).await, [(FindingCode::BucketOffline, SubjectKind::Bucket)]);
    cx.clock.advance(SignedDuration::from_secs(60));
    count(100, 100).await;
    beat(&cx, id, ProbedStatus::Offline).await;
    assert_eq!(
        found(&cx).await,
        [(FindingCode::BucketOffline, SubjectKind::Bucket)],
        "one finding is enough"
    );
    pass(&cx, id, 30).await;
    assert_eq!(found(&cx).await, [], "the requests of the outage don't count any more");
}
