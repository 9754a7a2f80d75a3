//! The clock is two days ahead for a moment and set right: what was stored meanwhile doesn't win over the present.

use bucketry_control::Error;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use bucketry_store::idempotency::Begun;
use jiff::SignedDuration;

use crate::support::{OWNER, PASSWORD, World};

const TWO_DAYS: SignedDuration = SignedDuration::from_hours(48);

fn probe(world: &World, bucket_id: BucketId, status: ProbedStatus) -> BucketStatus {
    BucketStatus {
        bucket_id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: world.clock.now(),
        failure: None,
        version: None,
    }
}

async fn status(world: &World, id: BucketId) -> Status {
    world.control.bucket(&world.owner, id).await.unwrap().status
}

#[tokio::test]
async fn a_bucket_has_the_status_of_the_next_probe() {
    let world = World::new().await;
    let id = world.unchecked("Photos").await;
    let offline = ProbedStatus::Offline;
    world.clock.advance(TWO_DAYS);
    world.node.beat(vec![probe(&world, id, offline)]).await.unwrap();
    assert_eq!(status(&world, id).await, Status::Offline);
    world.clock.advance(-TWO_DAYS);
    world.node.beat(vec![probe(&world, id, ProbedStatus::Online)]).await.unwrap();
    assert_eq!(status(&world, id).await, Status::Online);
    let told = world.control.bucket(&world.owner, id).await.unwrap();
    assert_eq!(told.last_status_at, Some(world.clock.now()));
    // And it is as it was when time gets there.
    world.clock.advance(TWO_DAYS + SignedDuration::from_secs(60));
    world.node.beat(vec![probe(&world, id, offline)]).await.unwrap();
    assert_eq!(status(&world, id).await, Status::Offline);
}

#[tokio::test]
async fn a_node_that_fell_silent_is_not_connected() {
    let world = World::new().await;
    world.clock.advance(TWO_DAYS);
    world.node.beat(vec![]).await.unwrap();
    let connected = async || world.control.node_views().await.unwrap().iter().any(|node| node.connected);
    assert!(connected().await);
    world.clock.advance(-TWO_DAYS);
    assert!(!connected().await, "it was not heard of since");
    assert!(!world.control.readiness().await.node);
    world.node.beat(vec![]).await.unwrap();
    assert!(connected().await);
}

#[tokio::test]
async fn a_session_of_that_moment_has_ended() {
    let world = World::new().await;
    world.clock.advance(TWO_DAYS);
    let session = world.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    world.control.authenticate(&session.access_token).await.unwrap();
    world.clock.advance(-TWO_DAYS);
    let refused = world.control.authenticate(&session.access_token).await.map(drop);
    assert!(matches!(refused, Err(Error::TokenExpired(_))), "{refused:?}");
    let refused = world.control.refresh(&session.refresh_token).await.map(drop);
    assert!(matches!(refused, Err(Error::Refresh(_))), "{refused:?}");
    let session = world.control.login(OWNER, Secret::new(PASSWORD), None).await.unwrap();
    world.control.authenticate(&session.access_token).await.unwrap();
    world.control.refresh(&session.refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_request_that_was_cut_off_can_be_repeated() {
    let world = World::new().await;
    let begin =
        async || world.control.begin_request(&world.owner, "POST /bucket", "key", b"{}").await.unwrap();
    world.clock.advance(TWO_DAYS);
    assert_eq!(begin().await, Begun::New);
    world.clock.advance(-TWO_DAYS);
    assert_eq!(begin().await, Begun::New);
    assert_eq!(begin().await, Begun::InProgress);
}

#[tokio::test]
async fn warnings_of_ending_credentials_go_on() {
    let world = World::new().await;
    let warned = async || world.control.newly_ending_credentials().await.unwrap().len();
    world
        .control
        .create_bucket(&world.owner, &crate::credentials::with_sas(&world, "Soon", "2026-03-05"))
        .await
        .unwrap();
    assert_eq!(warned().await, 1);
    world.clock.advance(TWO_DAYS);
    assert_eq!(warned().await, 0);
    world.clock.advance(-TWO_DAYS);
    // From the start again, which warns once too often rather than not at all.
    assert_eq!(warned().await, 1);
    assert_eq!(warned().await, 0);
}
