//! Usage rows.

use bucketry_model::usage::UsageRow;
use bucketry_provider::body::Payload;
use bucketry_provider::driver::{Conditions, GetRequest, ListRequest, PutRequest};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::context::{TestContext, bucket_id, repository_id};

fn sum(rows: &[UsageRow], figure: impl Fn(&UsageRow) -> u64) -> u64 {
    rows.iter().map(figure).sum()
}

#[tokio::test]
async fn requests_bytes_and_sizes_are_counted_as_the_client_saw_them() {
    let context = TestContext::start("metering").await;
    let client = context.client();
    client.put("k", Payload::bytes(vec![1; 1_000]), &PutRequest::default()).await.unwrap();
    client.put("k", Payload::bytes(vec![1; 400]), &PutRequest::default()).await.unwrap();
    let read = client.get("k", &GetRequest::default()).await.unwrap();
    read.body.collect().await.unwrap();
    client.head("k", &Conditions::default()).await.unwrap();
    client.list(&ListRequest::default()).await.unwrap();
    client.delete("k", None).await.unwrap();
    assert!(client.get("k", &GetRequest::default()).await.is_err());

    let rows = context.observed.rows(7).await;
    assert!(rows.iter().all(UsageRow::is_sane));
    assert!(rows.iter().all(|row| row.bucket_id == bucket_id() && row.repo_id == Some(repository_id())));
    assert_eq!(sum(&rows, |row| row.requests.into()), 7);
    assert_eq!(sum(&rows, |row| row.writes.into()), 3);
    assert_eq!(sum(&rows, |row| row.reads.into()), 3);
    assert_eq!(sum(&rows, |row| row.lists.into()), 1);
    assert_eq!(sum(&rows, |row| row.errors.into()), 1);
    assert_eq!(sum(&rows, |row| row.provider_errors.into()), 0);
    assert_eq!(sum(&rows, |row| row.upload_bytes), 1_400);
    let sizes: Vec<_> = rows.iter().map(|row| row.size_change).collect();
    assert_eq!(sizes.iter().sum::<i64>(), 0, "{sizes:?}");
    assert_eq!(&sizes[..2], [1_000, -600]);
    assert_eq!(rows[2].download_bytes, 400);
    assert_eq!(rows[3].download_bytes, 0, "a HEAD moves no content");
    assert_eq!(context.observed.key_uses(), 1, "the use of a key is reported once per minute");
    assert_eq!(context.observed.failures(), 0);
}

#[tokio::test]
async fn what_is_refused_late_is_read_to_its_end_so_that_the_client_gets_to_read_why() {
    let context = TestContext::start("late").await;
    // Fits without the repository's folder, but not with it.
    let key = "k".repeat(1_020);
    let payload = Payload::bytes(vec![0; 1_000_000]);
    let error = context.client().put(&key, payload, &PutRequest::default()).await.unwrap_err();
    assert_eq!(error.answer().unwrap().code.as_deref(), Some("KeyTooLongError"), "{error:?}");
    let rows = context.observed.rows(1).await;
    assert_eq!((rows[0].errors, rows[0].upload_bytes), (1, 1_000_000));
}

#[tokio::test]
async fn an_upload_whose_client_goes_away_stores_nothing_and_counts_nothing_as_stored() {
    let context = TestContext::start("gone").await;
    let client = context.client();
    let first = stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; 100_000])))]);
    let endless = futures_util::StreamExt::chain(first, stream::pending());
    let payload = Payload::stream(StreamBody::new(Box::pin(endless)), 1_000_000);
    let upload = tokio::spawn(async move { client.put("k", payload, &PutRequest::default()).await });
    crate::context::eventually("the upload to be in flight", || {
        (context.gateway.stats().in_flight == 1).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    upload.abort();
    let rows = context.observed.rows(1).await;
    assert_eq!((rows[0].requests, rows[0].errors, rows[0].writes), (1, 1, 1));
    assert_eq!((rows[0].size_change, rows[0].provider_errors), (0, 0));
    assert!(rows[0].upload_bytes < 1_000_000);
    assert!(context.direct.head(&context.stored("k"), &Conditions::default()).await.is_err());
    assert_eq!(context.observed.failures(), 0, "the provider did not cause it");
}

#[tokio::test]
async fn a_download_whose_client_goes_away_counts_what_it_received() {
    let context = TestContext::start("away").await;
    let size = 64 << 20;
    context
        .direct
        .put(&context.stored("k"), Payload::bytes(vec![0; size]), &PutRequest::default())
        .await
        .unwrap();
    let mut read = context.client().get("k", &GetRequest::default()).await.unwrap();
    read.body.frame().await.unwrap().unwrap();
    drop(read);
    let rows = context.observed.rows(1).await;
    assert_eq!((rows[0].errors, rows[0].provider_errors), (1, 0));
    assert!(rows[0].download_bytes > 0 && rows[0].download_bytes < size as u64, "{:?}", rows[0]);
    assert_eq!(context.gateway.stats().broken_off, 1);
}

#[tokio::test]
async fn connections_to_the_provider_are_used_again() {
    let context = TestContext::start("reuse").await;
    let client = context.client();
    for _ in 0..20 {
        client.put("k", Payload::bytes("x"), &PutRequest::default()).await.unwrap();
        let read = client.get("k", &GetRequest::default()).await.unwrap();
        read.body.collect().await.unwrap();
    }
    let used = context.connections_used.stats();
    assert!(used.sent() >= 40 && used.opened <= 4, "{used:?}");
}
