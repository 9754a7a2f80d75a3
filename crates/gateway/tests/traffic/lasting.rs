//! Writes that take long, lose their client, or lose the provider's response.

use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_gateway::GatewaySettings;
use bucketry_model::usage::UsageRow;
use bucketry_provider::body::{Payload, ProviderBody};
use bucketry_provider::connection::ConnectionSettings;
use bucketry_provider::driver::{
    Conditions, NewUpload, Parameter, PutRequest, SharedDriver, UpstreamRequest,
};
use http::{HeaderMap, HeaderName, Method, Response};
use http_body_util::BodyExt as _;

use crate::context::{TestContext, eventually};

fn soon(gateway: &mut GatewaySettings, _: &mut ConnectionSettings) {
    gateway.server.keep_alive_interval = Duration::from_millis(50);
}

async fn put(client: &SharedDriver, key: &str, bytes: usize) {
    client.put(key, Payload::bytes(vec![1; bytes]), &PutRequest::default()).await.unwrap();
}

/// Starts a request, and disconnects its client once the provider has met its fault this many times.
async fn leave(
    context: &TestContext,
    proxy: &FaultProxy,
    met: usize,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let work = tokio::spawn(work);
    eventually("the provider to be contacted", || (proxy.faults_met() == met).then_some(())).await;
    work.abort();
    eventually("the gateway to notice", || (context.gateway.stats().in_flight == 0).then_some(())).await;
}

/// Starts a copy, and waits only for the head of the response.
async fn begin_copy(client: &SharedDriver, from: &str, key: &str) -> Response<ProviderBody> {
    let s3 = client.forwarder().unwrap();
    let source = (HeaderName::from_static("x-amz-copy-source"), s3.copy_source(from, None).unwrap());
    let (query, payload) = (&[], Some(Payload::bytes("")));
    let headers = HeaderMap::from_iter([source]);
    s3.forward(UpstreamRequest { method: Method::PUT, key, query, headers, payload, takes_long: true })
        .await
        .unwrap()
}

fn size(rows: &[UsageRow]) -> i64 {
    rows.iter().map(|row| row.size_change).sum()
}

#[tokio::test]
async fn a_copy_that_takes_long_is_answered_at_once_and_shows_signs_of_life() {
    let (context, proxy) = TestContext::start_behind_proxy("lasting", soon).await;
    let client = context.client();
    put(&client, "k", 1_000).await;
    proxy.set_for("PUT", Fault::HoldAnswer);
    let answer = begin_copy(&client, "k", "copy").await;
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "application/xml");
    let mut body = answer.into_body();
    let mut text = String::new();
    while !text.ends_with("   ") {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(text.trim_end(), "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    proxy.healthy();
    let rest = body.collect().await.unwrap().to_bytes();
    let rest = std::str::from_utf8(&rest).unwrap().trim_start();
    assert!(rest.starts_with("<CopyObjectResult") && rest.contains("<ETag>"), "{rest}");
    let rows = context.observed.rows(2).await;
    assert_eq!((rows[1].requests, rows[1].errors, rows[1].size_change), (1, 0, 1_000));
}

#[tokio::test]
async fn what_fails_after_it_was_answered_is_an_error_to_the_client_and_counts_as_one() {
    let (context, proxy) = TestContext::start_behind_proxy("late-error", soon).await;
    let client = context.client();
    let upload = client.create_multipart("k", &NewUpload::default()).await.unwrap();
    client.abort_multipart("k", &upload).await.unwrap();
    proxy.set_for("POST", Fault::HoldAnswer);
    let parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>\
                 <ETag>0123456789abcdef0123456789abcdef</ETag></Part></CompleteMultipartUpload>";
    let request = UpstreamRequest {
        method: Method::POST,
        key: "k",
        query: &[Parameter::Upload(&upload)],
        headers: HeaderMap::new(),
        payload: Some(Payload::bytes(parts)),
        takes_long: true,
    };
    let answer = client.forwarder().unwrap().forward(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    proxy.healthy();
    let document = answer.into_body().collect().await.unwrap().to_bytes();
    let document = std::str::from_utf8(&document).unwrap();
    assert!(document.contains("<Error><Code>NoSuchUpload</Code>"), "{document}");
    let rows = context.observed.rows(3).await;
    assert_eq!((rows[2].requests, rows[2].errors, rows[2].provider_errors), (1, 1, 0));
    assert_eq!(context.gateway.stats().requests[1][2], 1, "counted as a write with a 4xx response");
}

#[tokio::test]
async fn a_write_whose_client_leaves_before_the_answer_is_carried_out_and_counted() {
    let (context, proxy) = TestContext::start_behind_proxy("left", soon).await;
    let client = context.client();
    put(&client, "gone", 300).await;
    proxy.set_for("PUT", Fault::HoldAnswer);
    let leaving = client.clone();
    leave(&context, &proxy, 1, async move { put(&leaving, "put", 1_000).await }).await;
    // The head of the copy's response has arrived. Its body is not read.
    drop(begin_copy(&client, "gone", "copy").await);
    eventually("the gateway to notice", || (context.gateway.stats().in_flight == 0).then_some(())).await;
    proxy.healthy();
    proxy.set_for("DELETE", Fault::HoldAnswer);
    leave(&context, &proxy, 3, async move { drop(client.delete("gone", None).await.unwrap()) }).await;
    proxy.healthy();
    let rows = context.observed.rows(7).await;
    assert_eq!(rows.iter().map(|row| row.requests).sum::<u32>(), 4);
    assert_eq!(rows.iter().map(|row| row.errors).sum::<u32>(), 3);
    let mut sizes: Vec<i64> = rows.iter().map(|row| row.size_change).filter(|size| *size != 0).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [-300, 300, 300, 1_000]);
    assert!(context.direct.head(&context.stored("put"), &Conditions::default()).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_stops_waits_for_writes_whose_clients_have_left() {
    let (context, proxy) = TestContext::start_behind_proxy("stops", soon).await;
    let client = context.client();
    proxy.set_for("PUT", Fault::HoldAnswer);
    leave(&context, &proxy, 1, async move { put(&client, "k", 1_000).await }).await;
    context.stop.cancel();
    proxy.healthy();
    context.running.await.unwrap();
    assert_eq!(size(&context.observed.rows(0).await), 1_000, "by now");
}

#[tokio::test]
async fn writes_whose_answer_gets_lost_count_by_what_is_there_afterwards() {
    let (context, proxy) = TestContext::start_behind_proxy("lost", |_, _| {}).await;
    let client = context.client();
    proxy.set_for("PUT", Fault::LoseAnswer);
    let lost = client.put("k", Payload::bytes(vec![1; 1_000]), &PutRequest::default()).await.unwrap_err();
    assert_eq!(lost.answer().unwrap().status.as_u16(), 503);
    assert_eq!(size(&context.observed.rows(1).await), 1_000);
    proxy.set_for("PUT", Fault::CloseEarly);
    client.put("k", Payload::bytes(vec![1; 400]), &PutRequest::default()).await.unwrap_err();
    assert_eq!(size(&context.observed.rows(2).await), 1_000, "the second write was never carried out");
    proxy.set_for("DELETE", Fault::LoseAnswer);
    client.delete("k", None).await.unwrap_err();
    assert_eq!(size(&context.observed.rows(3).await), 0);
}

#[tokio::test]
async fn a_write_whose_client_leaves_before_the_provider_was_asked_is_given_up() {
    let (context, proxy) = TestContext::start_behind_proxy("given-up", |_, _| {}).await;
    let client = context.client();
    put(&client, "k", 300).await;
    proxy.set_for("HEAD", Fault::HoldAnswer);
    let leaving = client.clone();
    leave(&context, &proxy, 1, async move { put(&leaving, "k", 1_000).await }).await;
    let leaving = client.clone();
    leave(&context, &proxy, 2, async move { drop(leaving.delete("k", None).await.unwrap()) }).await;
    proxy.healthy();
    put(&client, "other", 1).await;
    let info = context.direct.head(&context.stored("k"), &Conditions::default()).await.unwrap();
    assert_eq!(info.size, Some(300), "nothing changes the object afterwards");
    assert_eq!(size(&context.observed.rows(4).await), 301);
}

#[tokio::test]
async fn a_write_that_is_tried_again_after_its_client_left_counts_once() {
    let (context, proxy) = TestContext::start_behind_proxy("again", |_, _| {}).await;
    let client = context.client();
    proxy.set_for("PUT", Fault::HoldRequest);
    let leaving = client.clone();
    leave(&context, &proxy, 1, async move { put(&leaving, "k", 1_000).await }).await;
    let again = tokio::spawn({
        let client = client.clone();
        async move { put(&client, "k", 1_000).await }
    });
    eventually("the second request to arrive", || (context.gateway.stats().in_flight == 1).then_some(()))
        .await;
    // Other requests don't wait. A write that doesn't wait either would reach the provider before they are done.
    for _ in 0..20 {
        client.head("other", &Conditions::default()).await.unwrap_err();
    }
    assert_eq!(proxy.faults_met(), 1, "it waits for the previous write");
    proxy.healthy();
    again.await.unwrap();
    assert_eq!(size(&context.observed.rows(23).await), 1_000);
}

#[tokio::test]
async fn a_conditional_write_that_fails_counts_nothing() {
    let (context, proxy) = TestContext::start_behind_proxy("conditional", |_, _| {}).await;
    let client = context.client();
    put(&client, "k", 500).await;
    proxy.set_for("PUT", Fault::Answer(Answer::internal_error()));
    let absent = Conditions { if_none_match: Some("*".to_owned()), ..Conditions::default() };
    let request = PutRequest { conditions: absent, ..PutRequest::default() };
    client.put("k", Payload::bytes(vec![1; 700]), &request).await.unwrap_err();
    assert_eq!(size(&context.observed.rows(2).await), 500);
}

#[tokio::test]
async fn sizes_are_exact_where_the_provider_does_not_tell_what_is_not_there_or_fails_for_a_moment() {
    let (context, proxy) = TestContext::start_behind_proxy("unknown", |_, _| {}).await;
    let client = context.client();
    proxy.set_once_for("HEAD", Fault::Answer(Answer::new(403)));
    put(&client, "k", 1_000).await;
    assert_eq!(
        size(&context.observed.rows(1).await),
        1_000,
        "the size before was denied, so it counts as zero"
    );
    proxy.set_once_for("HEAD", Fault::Answer(Answer::internal_error()));
    put(&client, "k", 400).await;
    assert_eq!(size(&context.observed.rows(2).await), 400);
    proxy.set_for("HEAD", Fault::Answer(Answer::new(403)));
    put(&client, "k", 900).await;
    assert_eq!(size(&context.observed.rows(3).await), 400, "without read permission no change is known");
}

#[tokio::test]
async fn a_write_fails_at_once_where_the_provider_can_not_be_reached_to_ask_for_the_size() {
    let (context, proxy) = TestContext::start_behind_proxy("unreached", |_, connections| {
        connections.answer_timeout = Duration::from_millis(200);
    })
    .await;
    proxy.set(Fault::StallBeforeHeaders);
    let error = context.client().put("k", Payload::bytes("x"), &PutRequest::default()).await.unwrap_err();
    assert_eq!(error.answer().unwrap().status.as_u16(), 503);
    assert_eq!(proxy.faults_met(), 1, "it isn't sent later");
    assert_eq!((context.observed.rows(1).await[0].provider_errors, context.observed.failures()), (1, 1));
}
