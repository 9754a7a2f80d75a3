//! Tests in which the clock is two days ahead for a while and then corrected: what was stored in between doesn't
//! win over the present.

use bucketry_control::Error;
use bucketry_model::audit::RequestOrigin;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use bucketry_store::idempotency::Begun;
use jiff::SignedDuration;

use crate::support::{OWNER, PASSWORD, TestContext};

const TWO_DAYS: SignedDuration = SignedDuration::from_hours(48);

fn probe(cx: &TestContext, bucket_id: BucketId, status: ProbedStatus) -> BucketStatus {
    BucketStatus {
        bucket_id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: cx.clock.now(),
        failure: None,
        version: None,
    }
}

async fn status(cx: &TestContext, id: BucketId) -> Status {
    cx.control.bucket(&cx.owner, id).await.unwrap().status
}

#[tokio::test]
async fn a_bucket_has_the_status_of_the_next_probe() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let offline = ProbedStatus::Offline;
    cx.clock.advance(TWO_DAYS);
    cx.node.beat(vec![probe(&cx, id, offline)]).await.unwrap();
    assert_eq!(status(&cx, id).await, Status::Offline);
    cx.clock.advance(-TWO_DAYS);
    cx.node.beat(vec![probe(&cx, id, ProbedStatus::Online)]).await.unwrap();
    assert_eq!(status(&cx, id).await, Status::Online);
    let response = cx.control.bucket(&cx.owner, id).await.unwrap();
    assert_eq!(response.last_status_at, Some(cx.clock.now()));
    // Probes still count when that time comes.
    cx.clock.advance(TWO_DAYS + SignedDuration::from_secs(60));
    cx.node.beat(vec![probe(&cx, id, offline)]).await.unwrap();
    assert_eq!(status(&cx, id).await, Status::Offline);
}

#[tokio::test]
async fn a_node_that_fell_silent_is_not_connected() {
    let cx = TestContext::new().await;
    cx.clock.advance(TWO_DAYS);
    cx.node.beat(vec![]).await.unwrap();
    let connected = async || cx.control.node_views().await.unwrap().iter().any(|node| node.connected);
    assert!(connected().await);
    cx.clock.advance(-TWO_DAYS);
    assert!(!connected().await, "there was no contact since");
    assert!(!cx.control.readiness().await.node);
    cx.node.beat(vec![]).await.unwrap();
    assert!(connected().await);
}

#[tokio::test]
async fn a_session_of_that_moment_has_ended() {
    let cx = TestContext::new().await;
    cx.clock.advance(TWO_DAYS);
    let session = cx.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    cx.control.authenticate(&session.access_token).await.unwrap();
    cx.clock.advance(-TWO_DAYS);
    let refused = cx.control.authenticate(&session.access_token).await.map(drop);
    assert!(matches!(refused, Err(Error::TokenExpired(_))), "{refused:?}");
    let refused = cx.control.refresh(&session.refresh_token, RequestOrigin::default()).await.map(drop);
    assert!(matches!(refused, Err(Error::Refresh(_))), "{refused:?}");
    let session = cx.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    cx.control.authenticate(&session.access_token).await.unwrap();
    cx.control.refresh(&session.refresh_token, RequestOrigin::default()).await.unwrap();
}

#[tokio::test]
async fn a_request_that_was_cut_off_can_be_repeated() {
    let cx = TestContext::new().await;
    let begin = async || cx.control.begin_request(&cx.owner, "POST /bucket", "key", b"{}").await.unwrap();
    cx.clock.advance(TWO_DAYS);
    assert_eq!(begin().await, Begun::New);
    cx.clock.advance(-TWO_DAYS);
    assert_eq!(begin().await, Begun::New);
    assert_eq!(begin().await, Begun::InProgress);
}

#[tokio::test]
async fn warnings_of_ending_credentials_go_on() {
    let cx = TestContext::new().await;
    let warned = async || cx.control.newly_ending_credentials().await.unwrap().len();
    cx.control
        .create_bucket(&cx.owner, &crate::credentials::with_sas(&cx, "Soon", "2026-03-05"))
        .await
        .unwrap();
    assert_eq!(warned().await, 1);
    cx.clock.advance(TWO_DAYS);
    assert_eq!(warned().await, 0);
    cx.clock.advance(-TWO_DAYS);
    // Starts over: a repeated warning is better than a missing one.
    assert_eq!(warned().await, 1);
    assert_eq!(warned().await, 0);
}
