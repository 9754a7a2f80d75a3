//! Providers that fail: what clients see, and when the circuit breaker opens.

use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_gateway::GatewaySettings;
use bucketry_provider::body::Payload;
use bucketry_provider::connection::ConnectionSettings;
use bucketry_provider::driver::{GetRequest, PutRequest, VersionId};
use bucketry_provider::error::{ErrorKind, ProviderError};
use http_body_util::BodyExt as _;

use crate::context::TestContext;

async fn world_behind(
    case: &str,
    configure: impl FnOnce(&mut GatewaySettings, &mut ConnectionSettings),
) -> (TestContext, FaultProxy) {
    let (context, proxy) = TestContext::start_behind_proxy(case, configure).await;
    context
        .direct
        .put(&context.stored("k"), Payload::bytes(vec![7; 100_000]), &PutRequest::default())
        .await
        .unwrap();
    (context, proxy)
}

fn impatient(_: &mut GatewaySettings, connections: &mut ConnectionSettings) {
    connections.answer_timeout = Duration::from_millis(200);
    connections.stall_timeout = Duration::from_millis(200);
}

#[tokio::test]
async fn a_provider_that_dies_in_the_middle_of_an_object_breaks_the_clients_body() {
    for fault in [Fault::CloseMidBody, Fault::StallMidBody { after: 2_000 }] {
        let (context, proxy) = world_behind("dies", impatient).await;
        proxy.set(fault);
        // If the end arrives together with the beginning, the connection breaks before the response head is sent.
        let read = match context.client().get("k", &GetRequest::default()).await {
            Ok(read) => read.body.collect().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(
            matches!(read, Err(ProviderError::BrokenOff)),
            "a part must never look like the whole: {read:?}"
        );
        let rows = context.observed.rows(1).await;
        assert_eq!((rows[0].errors, rows[0].provider_errors), (1, 1));
    }
}

#[tokio::test]
async fn a_provider_that_stalls_or_breaks_off_is_unavailable_and_reported() {
    for fault in [Fault::StallBeforeHeaders, Fault::Reset, Fault::CloseEarly, Fault::Garbage] {
        let (context, proxy) = world_behind("stalls", impatient).await;
        proxy.set(fault.clone());
        let error = context.client().get("k", &GetRequest::default()).await.unwrap_err();
        assert_eq!(error.answer().unwrap().status.as_u16(), 503, "{fault:?}: {error:?}");
        let rows = context.observed.rows(1).await;
        assert_eq!((rows[0].errors, rows[0].provider_errors), (1, 1), "{fault:?}");
        assert_eq!(context.observed.failures(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_provider_that_throttles_slows_the_client_down_and_is_healthy() {
    let (context, proxy) = world_behind("throttles", |_, _| {}).await;
    proxy.set(Fault::Answer(Answer::slow_down(7)));
    let error = context.client().get("k", &GetRequest::default()).await.unwrap_err();
    let ProviderError::Answer(answer) = error else { panic!("{error:?}") };
    assert_eq!((answer.kind, answer.code.as_deref()), (ErrorKind::Throttled, Some("SlowDown")));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(context.observed.failures(), 0);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_left_alone_and_tried_again_after_a_while() {
    let (context, proxy) = world_behind("breaker", |gateway, connections| {
        impatient(gateway, connections);
        gateway.protection.breaker.failures = 3;
        gateway.protection.breaker.open_for = Duration::from_millis(500);
    })
    .await;
    proxy.set(Fault::StallBeforeHeaders);
    let client = context.client();
    for _ in 0..3 {
        client.get("k", &GetRequest::default()).await.unwrap_err();
    }
    let met = proxy.faults_met();
    let error = client.get("k", &GetRequest::default()).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Throttled));
    assert_eq!(proxy.faults_met(), met, "the provider was not contacted");
    proxy.healthy();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while client.get("k", &GetRequest::default()).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "no trial request was let through");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_refused_without_asking_the_provider_says_nothing_of_it() {
    let (context, proxy) = world_behind("unasked", |gateway, connections| {
        impatient(gateway, connections);
        gateway.protection.breaker.failures = 3;
        gateway.protection.breaker.open_for = Duration::from_mins(1);
    })
    .await;
    proxy.set(Fault::StallBeforeHeaders);
    let client = context.client();
    for _ in 0..3 {
        client.get("k", &GetRequest::default()).await.unwrap_err();
        // No provider supports deleting versions here.
        client.delete("k", VersionId::new("7").ok().as_ref()).await.unwrap_err();
    }
    let met = proxy.faults_met();
    client.get("k", &GetRequest::default()).await.unwrap_err();
    assert_eq!(proxy.faults_met(), met, "the provider is not contacted");
}

#[tokio::test]
async fn a_key_with_too_much_in_flight_is_told_to_slow_down() {
    let (context, proxy) = world_behind("slots", |gateway, _| gateway.protection.requests_per_key = 1).await;
    proxy.set(Fault::StallBeforeHeaders);
    let waiting = context.client();
    let waiting = tokio::spawn(async move { waiting.get("k", &GetRequest::default()).await.map(drop) });
    crate::context::eventually("the first request to be in flight", || {
        (proxy.faults_met() == 1).then_some(())
    })
    .await;
    let error = context.client().get("k", &GetRequest::default()).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Throttled));
    waiting.abort();
}
