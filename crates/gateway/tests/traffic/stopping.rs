//! The gateway ends.

use std::time::Duration;

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{GetRequest, PutRequest};
use http_body_util::BodyExt as _;

use crate::world::World;

#[tokio::test]
async fn what_is_in_flight_ends_before_the_gateway_does() {
    let world = World::start("stopping").await;
    let content = vec![7; 32 << 20];
    world
        .direct
        .put(&world.stored("k"), Payload::bytes(content.clone()), &PutRequest::default())
        .await
        .unwrap();
    let client = world.client();
    let mut read = client.get("k", &GetRequest::default()).await.unwrap();
    let first = read.body.frame().await.unwrap().unwrap().into_data().unwrap();
    world.stop.cancel();
    assert!(!world.running.is_finished());
    let rest = read.body.collect().await.unwrap().to_bytes();
    assert_eq!(first.len() + rest.len(), content.len());
    world.running.await.unwrap();
    assert!(client.get("k", &GetRequest::default()).await.is_err());
    assert_eq!(world.told.rows(1).await[0].download_bytes, content.len() as u64);
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off_and_counted() {
    let world = World::start_with("cut", None, |gateway, _| {
        gateway.server.drain = Duration::from_millis(100);
    })
    .await;
    world
        .direct
        .put(&world.stored("k"), Payload::bytes(vec![7; 64 << 20]), &PutRequest::default())
        .await
        .unwrap();
    let mut read = world.client().get("k", &GetRequest::default()).await.unwrap();
    read.body.frame().await.unwrap().unwrap();
    world.stop.cancel();
    world.running.await.unwrap();
    let rows = world.told.rows(1).await;
    assert_eq!(rows[0].errors, 1);
    assert!(read.body.collect().await.is_err());
}
