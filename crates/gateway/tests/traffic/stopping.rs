//! Stopping the gateway.

use std::time::Duration;

use bucketry_provider::body::Payload;
use bucketry_provider::driver::{GetRequest, PutRequest};
use http_body_util::BodyExt as _;

use crate::context::TestContext;

#[tokio::test]
async fn what_is_in_flight_ends_before_the_gateway_does() {
    let context = TestContext::start("stopping").await;
    let content = vec![7; 32 << 20];
    context
        .direct
        .put(&context.stored("k"), Payload::bytes(content.clone()), &PutRequest::default())
        .await
        .unwrap();
    let client = context.client();
    let mut read = client.get("k", &GetRequest::default()).await.unwrap();
    let first = read.body.frame().await.unwrap().unwrap().into_data().unwrap();
    context.stop.cancel();
    assert!(!context.running.is_finished());
    let rest = read.body.collect().await.unwrap().to_bytes();
    assert_eq!(first.len() + rest.len(), content.len());
    context.running.await.unwrap();
    assert!(client.get("k", &GetRequest::default()).await.is_err());
    assert_eq!(context.observed.rows(1).await[0].download_bytes, content.len() as u64);
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off_and_counted() {
    let context = TestContext::start_with("cut", None, |gateway, _| {
        gateway.server.drain = Duration::from_millis(100);
    })
    .await;
    context
        .direct
        .put(&context.stored("k"), Payload::bytes(vec![7; 64 << 20]), &PutRequest::default())
        .await
        .unwrap();
    let mut read = context.client().get("k", &GetRequest::default()).await.unwrap();
    read.body.frame().await.unwrap().unwrap();
    context.stop.cancel();
    context.running.await.unwrap();
    let rows = context.observed.rows(1).await;
    assert_eq!(rows[0].errors, 1);
    assert!(read.body.collect().await.is_err());
}
