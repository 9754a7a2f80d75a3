//! Providers that stall, break connections, send false responses and throttle.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bucketry_faults::{Answer, Fault, FaultProxy, OriginStub};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::body::Payload;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::diagnose::diagnose;
use bucketry_provider::driver::{GetRequest, ListRequest, PutRequest, SharedDriver};
use bucketry_provider::error::{ErrorKind, ProviderError};
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::probe::probe;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};

/// How long these tests let a provider be silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longer than anything limited by `PATIENCE` may take, shorter than the default timeouts.
const DEADLINE: Duration = Duration::from_secs(20);

fn connections() -> Connections {
    Connections::new(ConnectionSettings {
        policy: EndpointPolicy::private(),
        answer_timeout: PATIENCE,
        stall_timeout: PATIENCE,
        ..Default::default()
    })
    .unwrap()
}

fn target(endpoint: &str, region: Option<&str>) -> BucketTarget {
    BucketTarget {
        location: BucketLocation {
            storage_type: StorageType::S3,
            bucket: "bucket".to_owned(),
            key: Some("AKID".to_owned()),
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            region: region.map(str::to_owned),
        },
        secret: Some(Secret::new("hunter2-the-secret")),
    }
}

fn bucket(endpoint: &str) -> SharedDriver {
    open(&target(endpoint, Some("us-east-1")), &connections()).unwrap()
}

fn faults() -> Vec<(Fault, CheckCode)> {
    vec![
        (Fault::StallBeforeHeaders, CheckCode::ConnectTimeout),
        (Fault::Reset, CheckCode::ProviderError),
        (Fault::CloseEarly, CheckCode::ProviderError),
        (Fault::Garbage, CheckCode::NotAnObjectStore),
        (Fault::Answer(Answer::html_page()), CheckCode::NotAnObjectStore),
        (Fault::Answer(Answer::redirect_to("http://127.0.0.1:1/")), CheckCode::NotAnObjectStore),
        (Fault::Answer(Answer::slow_down(7)), CheckCode::ProviderThrottled),
        (Fault::Answer(Answer::too_many_requests(7)), CheckCode::ProviderThrottled),
        (Fault::Answer(Answer::clock_skew()), CheckCode::ClockSkew),
        (Fault::Answer(Answer::internal_error()), CheckCode::ProviderError),
        (Fault::Answer(Answer::wrong_region("eu-west-1")), CheckCode::WrongRegion),
        (Fault::Answer(Answer::s3_error(400, "ExpiredToken", "")), CheckCode::TokenExpired),
    ]
}

#[tokio::test]
async fn every_fault_has_its_code_in_probes_and_diagnoses() {
    for (fault, code) in faults() {
        let server = FaultProxy::alone(fault.clone()).await.unwrap();
        let probed = probe(&*bucket(&server.endpoint()), DEADLINE).await;
        assert_eq!(probed.outcome.unwrap_err().code, code, "probe under {fault:?}");

        let target = target(&server.endpoint(), Some("us-east-1"));
        let diagnosis = diagnose(&target, &connections(), CheckScope::Full, DEADLINE).await;
        let failed = diagnosis.failure().unwrap();
        assert_eq!(failed.error_code, Some(code), "diagnosis under {fault:?}");
        let expected =
            if code == CheckCode::WrongRegion { CheckName::Bucket } else { CheckName::Authenticate };
        assert_eq!(failed.name, expected, "{fault:?}");
        let shown = serde_json::to_string(&diagnosis).unwrap();
        assert!(!shown.contains("remote side"), "what the provider wrote is shown: {shown}");
        assert!(!shown.contains("hunter2"), "the secret is shown: {shown}");
    }
}

#[tokio::test]
async fn the_right_region_is_in_the_message_and_in_the_hint() {
    let server = FaultProxy::alone(Fault::Answer(Answer::wrong_region("eu-west-1"))).await.unwrap();
    let target = target(&server.endpoint(), Some("us-east-1"));
    let diagnosis = diagnose(&target, &connections(), CheckScope::Full, DEADLINE).await;
    let failed = diagnosis.failure().unwrap();
    assert!(failed.message.contains("eu-west-1") && failed.hint.as_deref().unwrap().contains("eu-west-1"));
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_told_apart() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (endpoint, name, code) in [
        (format!("http://127.0.0.1:{port}"), CheckName::Connect, CheckCode::ConnectionRefused),
        ("http://nobody.invalid".to_owned(), CheckName::Dns, CheckCode::DnsFailed),
    ] {
        let diagnosis = diagnose(&target(&endpoint, None), &connections(), CheckScope::Full, DEADLINE).await;
        let failed = diagnosis.failure().unwrap();
        assert_eq!((failed.name, failed.error_code), (name, Some(code)), "{endpoint}");
        let probed = probe(&*bucket(&endpoint), DEADLINE).await;
        assert_eq!(probed.outcome.unwrap_err().code, code, "{endpoint}");
    }
}

#[tokio::test]
async fn documents_without_an_end_are_not_read_to_it() {
    let padding = " ".repeat(9 * 1024 * 1024);
    let page = format!("<ListBucketResult>{padding}</ListBucketResult>");
    let server = FaultProxy::alone(Fault::Answer(Answer::new(200).body(&page))).await.unwrap();
    let driver = bucket(&server.endpoint());
    let listed = driver.list(&ListRequest::default()).await;
    assert!(matches!(listed, Err(ProviderError::NotAnObjectStore { .. })), "{listed:?}");

    let document = Answer::s3_error(403, "InvalidAccessKeyId", &" ".repeat(100_000));
    server.set(Fault::Answer(document));
    let refused = driver.list(&ListRequest::default()).await.unwrap_err();
    assert_eq!(
        refused.kind(),
        Some(ErrorKind::AccessDenied),
        "decided by the status: the document is too long to be read"
    );
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = FaultProxy::alone(Fault::Answer(Answer::new(200))).await.unwrap();
    let server = FaultProxy::alone(Fault::Answer(Answer::redirect_to(&elsewhere.endpoint()))).await.unwrap();
    let outcome = bucket(&server.endpoint()).get("key", &GetRequest::default()).await;
    assert_eq!(outcome.unwrap_err().kind(), Some(ErrorKind::Redirected));
    assert_eq!(elsewhere.faults_met(), 0);
}

#[tokio::test]
async fn silence_is_bounded_by_the_settings() {
    for fault in [Fault::StallBeforeHeaders, Fault::StallMidBody { after: 200 }] {
        let server = FaultProxy::alone(fault.clone()).await.unwrap();
        let start = Instant::now();
        let outcome = bucket(&server.endpoint()).list(&ListRequest::default()).await;
        assert!(matches!(outcome, Err(ProviderError::TimedOut)), "{fault:?}: {outcome:?}");
        assert!(start.elapsed() < DEADLINE, "{fault:?} took {:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_deadline_ends_a_probe_before_the_settings_do() {
    let server = FaultProxy::alone(Fault::StallBeforeHeaders).await.unwrap();
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    let patient = Connections::new(settings).unwrap();
    let driver = open(&target(&server.endpoint(), None), &patient).unwrap();
    let probed = probe(&*driver, Duration::from_millis(50)).await;
    assert_eq!(probed.outcome.unwrap_err().code, CheckCode::ConnectTimeout);
}

#[tokio::test]
async fn a_body_that_stalls_or_breaks_off_ends_with_an_error() {
    for (fault, stalls) in [(Fault::StallMidBody { after: 500 }, true), (Fault::CloseMidBody, false)] {
        let server = FaultProxy::alone(fault.clone()).await.unwrap();
        let read = bucket(&server.endpoint()).get("key", &GetRequest::default()).await.unwrap();
        let error = read.body.collect().await.unwrap_err();
        assert_eq!(matches!(error, ProviderError::TimedOut), stalls, "{fault:?}: {error:?}");
        assert_eq!(matches!(error, ProviderError::BrokenOff), !stalls, "{fault:?}: {error:?}");
    }
}

/// An endless source that counts the bytes taken from it.
fn endless_source(taken: &Arc<AtomicU64>) -> Payload {
    let taken = Arc::clone(taken);
    let frames = stream::repeat_with(move || {
        let piece = Bytes::from_static(&[7; 8_192]);
        taken.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok::<_, std::io::Error>(http_body::Frame::data(piece))
    });
    Payload::stream(StreamBody::new(frames), 1 << 40)
}

#[tokio::test]
async fn a_provider_that_takes_nothing_stops_the_source_and_is_given_up() {
    let server = FaultProxy::alone(Fault::StallReading).await.unwrap();
    let taken = Arc::new(AtomicU64::new(0));
    let outcome = bucket(&server.endpoint()).put("key", endless_source(&taken), &PutRequest::default()).await;
    assert!(matches!(outcome, Err(ProviderError::TimedOut)), "{outcome:?}");
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < 16 * 1024 * 1024, "{taken} bytes were read ahead of the provider");
}

#[tokio::test]
async fn a_source_that_fails_is_told_from_a_provider_that_does() {
    let server = FaultProxy::alone(Fault::StallBeforeHeaders).await.unwrap();
    let failing = stream::iter([Err::<http_body::Frame<Bytes>, _>(std::io::Error::other("disk"))]);
    let payload = Payload::stream(StreamBody::new(failing), 10);
    let outcome = bucket(&server.endpoint()).put("key", payload, &PutRequest::default()).await;
    assert!(matches!(outcome, Err(ProviderError::Source(_))), "{outcome:?}");
}

#[tokio::test]
async fn only_safe_requests_are_sent_again_when_the_connection_breaks() {
    let server = FaultProxy::alone(Fault::CloseEarly).await.unwrap();
    let driver = bucket(&server.endpoint());
    driver.head_bucket().await.unwrap_err();
    assert_eq!(server.faults_met(), 2, "a HEAD is retried once");
    driver.put("key", Payload::bytes("x"), &PutRequest::default()).await.unwrap_err();
    assert_eq!(server.faults_met(), 3, "a PUT is not retried");
    driver.delete("key", None).await.unwrap_err();
    assert_eq!(server.faults_met(), 4, "a DELETE is not retried");
}

#[tokio::test]
async fn throttling_keeps_what_the_provider_asks_for() {
    let server = FaultProxy::alone(Fault::Answer(Answer::slow_down(7))).await.unwrap();
    let error = bucket(&server.endpoint()).get("key", &GetRequest::default()).await.unwrap_err();
    let answer = error.answer().unwrap();
    assert_eq!((answer.status.as_u16(), answer.code.as_deref()), (503, Some("SlowDown")));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(server.faults_met(), 1, "a throttled request is not retried");
}

#[tokio::test]
async fn a_region_that_was_not_given_is_learnt_from_the_answer() {
    let server = FaultProxy::alone(Fault::Answer(Answer::wrong_region("eu-west-1"))).await.unwrap();
    let driver = open(&target(&server.endpoint(), None), &connections()).unwrap();
    driver.head_bucket().await.unwrap_err();
    let heads = server.heads();
    assert_eq!(heads.len(), 2);
    assert!(
        heads[0].contains("/us-east-1/s3/aws4_request") && heads[1].contains("/eu-west-1/s3/aws4_request")
    );
    driver.head_bucket().await.unwrap_err();
    assert!(server.heads()[2].contains("/eu-west-1/s3/"), "the region is remembered");
    assert_eq!(server.heads().len(), 3);
}

#[tokio::test]
async fn a_region_that_was_given_is_not_replaced() {
    let server = FaultProxy::alone(Fault::Answer(Answer::wrong_region("eu-west-1"))).await.unwrap();
    let error = bucket(&server.endpoint()).head_bucket().await.unwrap_err();
    assert_eq!(error.answer().unwrap().region.as_deref(), Some("eu-west-1"));
    assert_eq!(server.heads().len(), 1);
}

#[tokio::test]
async fn an_upload_learns_the_region_before_it_sends_its_body() {
    let server = FaultProxy::alone(Fault::Answer(Answer::wrong_region("eu-west-1"))).await.unwrap();
    let driver = open(&target(&server.endpoint(), None), &connections()).unwrap();
    driver.put("key", Payload::bytes("x"), &PutRequest::default()).await.unwrap_err();
    let heads = server.heads();
    assert!(heads[0].starts_with("HEAD /bucket ") && heads[1].starts_with("PUT /bucket/key "));
    assert!(heads[1].contains("/eu-west-1/s3/aws4_request"));
}

#[tokio::test]
async fn a_bucket_goes_down_and_comes_back_behind_the_same_connections() {
    let origin = OriginStub::start().await.unwrap();
    let proxy = FaultProxy::start(origin.address()).await.unwrap();
    let driver = bucket(&proxy.endpoint());
    assert_eq!(probe(&*driver, DEADLINE).await.outcome, Ok(()));
    for (fault, code) in faults() {
        proxy.set(fault.clone());
        assert_eq!(probe(&*driver, DEADLINE).await.outcome.unwrap_err().code, code, "{fault:?}");
        proxy.healthy();
        assert_eq!(probe(&*driver, DEADLINE).await.outcome, Ok(()), "after {fault:?}");
    }
}

#[tokio::test]
async fn requests_are_plain_and_hold_no_secret() {
    let server = FaultProxy::alone(Fault::Answer(Answer::new(200))).await.unwrap();
    bucket(&server.endpoint()).head_bucket().await.unwrap();
    let head = server.heads().remove(0);
    assert!(head.starts_with("HEAD /bucket HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}", server.address())), "{head}");
    assert!(!head.contains("hunter2"), "{head}");
}

#[tokio::test]
async fn ten_thousand_open_buckets_are_light() {
    let connections = connections();
    let driver =
        bucketry_provider::s3::S3Driver::open(&target("http://127.0.0.1:9", None), &connections).unwrap();
    assert!(size_of_val(&driver) <= 1_024, "{} bytes", size_of_val(&driver));
}

#[tokio::test]
async fn deleting_what_a_provider_says_is_not_there_succeeds() {
    let server = FaultProxy::alone(Fault::Answer(Answer::s3_error(404, "NoSuchKey", ""))).await.unwrap();
    bucket(&server.endpoint()).delete("k", None).await.unwrap();
    let server = FaultProxy::alone(Fault::Answer(Answer::s3_error(404, "NoSuchBucket", ""))).await.unwrap();
    let error = bucket(&server.endpoint()).delete("k", None).await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::BucketNotFound));
}
