//! The S3 protocol: kinds of credentials × outcomes. Tests use the real server for outcomes that it can produce,
//! and otherwise a stub that responds as AWS does.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]
#![expect(non_snake_case, reason = "names are cells of a matrix: provider__credential__outcome")]

mod cells;
mod server;
mod token_services;
mod verbatim;

use std::sync::Arc;
use std::time::Duration;

use bucketry_faults::{Answer, Fault};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::CheckCode as C;
use bucketry_model::diagnosis::CheckName as N;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_model::time::{Clock, ManualClock, SystemClock};
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::identity::TokenServices;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::resolve::SystemResolver;
use jiff::SignedDuration;

use crate::cells::{
    answering, endpoint, failing, healthy, impatient, nobody, plain_https, private, tells, with,
};
use crate::server::{ensure_bucket, new_bucket, target};
use crate::token_services::{identity, session, sts_error};
use crate::verbatim::{Verbatim, serve};

const SCOPED: &str = "scoped";
const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// A bucket at an endpoint, with key and secret.
fn at(endpoint: Endpoint, key: &str, secret: Option<&str>) -> BucketTarget {
    let location = BucketLocation {
        storage_type: StorageType::S3,
        bucket: "photos".to_owned(),
        key: Some(key.to_owned()).filter(|key| !key.is_empty()),
        endpoint: Some(endpoint),
        region: Some("eu-west-1".to_owned()),
    };
    BucketTarget { location, secret: secret.map(Secret::new) }
}

fn aws(key: &str, secret: Option<&str>) -> BucketTarget {
    at(Endpoint::parse("https://s3.eu-west-1.amazonaws.com").unwrap(), key, secret)
}

async fn scoped(who: &str) -> BucketTarget {
    ensure_bucket(SCOPED).await;
    target(SCOPED, who)
}

/// Tests an access key with this response of the server.
async fn access_key_meets(answer: Answer, expected: (N, C), words: &str) {
    let server = answering(answer).await;
    tells(&at(endpoint(&server), "AKID", Some("hunter2")), &private(), expected, words).await;
}

#[tokio::test]
async fn s3__network__dns_failed() {
    let nowhere = Endpoint::parse("http://no-such-host.invalid").unwrap();
    tells(&at(nowhere, "AKID", Some("s")), &private(), (N::Dns, C::DnsFailed), "typos").await;
}

#[tokio::test]
async fn s3__network__connection_refused() {
    let target = at(nobody().await, "AKID", Some("s"));
    tells(&target, &private(), (N::Connect, C::ConnectionRefused), "port").await;
}

#[tokio::test]
async fn s3__network__connect_timeout() {
    let server = failing(Fault::StallBeforeHeaders).await;
    let target = at(endpoint(&server), "AKID", Some("s"));
    tells(&target, &impatient(), (N::Authenticate, C::ConnectTimeout), "in time").await;
}

#[tokio::test]
async fn s3__network__tls_failed() {
    let https = plain_https().await;
    tells(&at(https, "AKID", Some("s")), &private(), (N::Tls, C::TlsFailed), "http://").await;
}

#[tokio::test]
async fn s3__network__endpoint_blocked() {
    let public = with(|settings| settings.policy = EndpointPolicy::default());
    let target = at(nobody().await, "AKID", Some("s"));
    tells(&target, &public, (N::Dns, C::EndpointBlocked), "BUCKETRY_ENDPOINT_POLICY").await;
}

#[tokio::test]
async fn s3__access_key__healthy() {
    healthy(&new_bucket("healthy").await, &private()).await;
}

#[tokio::test]
async fn s3__access_key__key_unknown() {
    let mut target = scoped("").await;
    target.location.key = Some("AKIDNOBODY".to_owned());
    tells(&target, &private(), (N::Authenticate, C::KeyUnknown), "Check the access key").await;
}

#[tokio::test]
async fn s3__access_key__key_unknown__not_a_key() {
    let target = aws("my key, really", Some("hunter2"));
    tells(&target, &private(), (N::Authenticate, C::KeyUnknown), "visible ASCII").await;
}

#[tokio::test]
async fn s3__access_key__secret_wrong() {
    let mut target = scoped("").await;
    target.secret = Some(Secret::new("hunter2"));
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "without spaces").await;
}

#[tokio::test]
async fn s3__access_key__secret_wrong__missing() {
    tells(&aws("AKID", None), &private(), (N::Authenticate, C::SecretWrong), "secret is missing").await;
}

#[tokio::test]
async fn s3__access_key__clock_skew() {
    access_key_meets(Answer::clock_skew(), (N::Authenticate, C::ClockSkew), "NTP").await;
}

#[tokio::test]
async fn s3__access_key__clock_skew__against_the_real_server() {
    let late = SystemClock.now().checked_add(SignedDuration::from_hours(2)).unwrap();
    let settings = ConnectionSettings { policy: EndpointPolicy::private(), ..Default::default() };
    let clock = Arc::new(ManualClock::at(late));
    let connections = Connections::with(settings, Arc::new(SystemResolver), clock).unwrap();
    tells(&scoped("").await, &connections, (N::Authenticate, C::ClockSkew), "NTP").await;
}

#[tokio::test]
async fn s3__access_key__bucket_not_found() {
    let target = target("no-such-bucket-anywhere", "");
    tells(&target, &private(), (N::Bucket, C::BucketNotFound), "bucket's name").await;
}

#[tokio::test]
async fn s3__access_key__bucket_not_found__not_a_name() {
    let mut target = aws("AKID", Some("hunter2"));
    target.location.bucket = "photos/2026".to_owned();
    tells(&target, &private(), (N::Bucket, C::BucketNotFound), "letters, digits").await;
}

#[tokio::test]
async fn s3__access_key__wrong_region() {
    let response = Answer::wrong_region("eu-central-1");
    access_key_meets(response, (N::Bucket, C::WrongRegion), "Set the region to eu-central-1").await;
}

#[tokio::test]
async fn s3__access_key__wrong_region__not_a_region() {
    let mut target = aws("AKID", Some("hunter2"));
    target.location.region = Some("Frankfurt am Main".to_owned());
    tells(&target, &private(), (N::Bucket, C::WrongRegion), "region").await;
}

#[tokio::test]
async fn s3__access_key__access_denied_list() {
    tells(&scoped("NOLIST_").await, &private(), (N::List, C::AccessDeniedList), "s3:ListBucket").await;
}

#[tokio::test]
async fn s3__access_key__access_denied_list__nothing_allowed() {
    let target = serve(Verbatim { denied: &["head", "list", "put", "get"], ..Default::default() }).await;
    tells(&target, &private(), (N::List, C::AccessDeniedList), "s3:ListBucket").await;
    let driver = bucketry_provider::open::open(&target, &private()).unwrap();
    let probed = bucketry_provider::probe::probe(&*driver, Duration::from_secs(10)).await;
    assert_eq!(
        probed.outcome.unwrap_err().code,
        C::AccessDeniedList,
        "the bucket is never reported as online"
    );
}

#[tokio::test]
async fn s3__access_key__access_denied_write() {
    tells(&scoped("READONLY_").await, &private(), (N::Write, C::AccessDeniedWrite), "s3:PutObject").await;
}

#[tokio::test]
async fn s3__access_key__access_denied_read() {
    tells(&scoped("WRITEONLY_").await, &private(), (N::Read, C::AccessDeniedRead), "s3:GetObject").await;
}

#[tokio::test]
async fn s3__access_key__access_denied_delete() {
    let target = serve(Verbatim { denied: &["delete"], ..Default::default() }).await;
    tells(&target, &private(), (N::Delete, C::AccessDeniedDelete), "s3:DeleteObject").await;
}

#[tokio::test]
async fn s3__access_key__account_not_found() {
    let closed = Answer::s3_error(403, "NotSignedUp", "");
    access_key_meets(closed, (N::Authenticate, C::AccountNotFound), "account").await;
}

#[tokio::test]
async fn s3__access_key__provider_throttled() {
    access_key_meets(Answer::slow_down(1), (N::Authenticate, C::ProviderThrottled), "Try again later").await;
}

#[tokio::test]
async fn s3__access_key__provider_error() {
    access_key_meets(Answer::internal_error(), (N::Authenticate, C::ProviderError), "Try again").await;
}

#[tokio::test]
async fn s3__access_key__provider_error__connection_closed() {
    let server = failing(Fault::CloseEarly).await;
    let target = at(endpoint(&server), "AKID", Some("s"));
    tells(&target, &private(), (N::Authenticate, C::ProviderError), "closed the connection").await;
}

#[tokio::test]
async fn s3__access_key__not_an_object_store__web_page() {
    access_key_meets(Answer::html_page(), (N::Authenticate, C::NotAnObjectStore), "storage API").await;
}

#[tokio::test]
async fn s3__access_key__not_an_object_store__redirect() {
    let elsewhere = Answer::redirect_to("http://127.0.0.1:1/");
    access_key_meets(elsewhere, (N::Authenticate, C::NotAnObjectStore), "not followed").await;
}

#[tokio::test]
async fn s3__access_key__not_an_object_store__other_protocol() {
    let server = failing(Fault::Garbage).await;
    let target = at(endpoint(&server), "AKID", Some("s"));
    tells(&target, &private(), (N::Authenticate, C::NotAnObjectStore), "protocol").await;
}

#[tokio::test]
async fn s3__anonymous__access_denied_list() {
    let mut target = scoped("").await;
    (target.location.key, target.secret) = (None, None);
    tells(&target, &private(), (N::List, C::AccessDeniedList), "s3:ListBucket").await;
}

fn pasted(key: &str, secret: &str, expiration: &str) -> String {
    serde_json::json!({ "Credentials": { "AccessKeyId": key, "SecretAccessKey": secret,
        "SessionToken": "hunter2-token", "Expiration": expiration } })
    .to_string()
}

#[tokio::test]
async fn s3__session__healthy() {
    let mut target = serve(Verbatim::default()).await;
    let (key, secret) = (target.location.key.take().unwrap(), target.secret.take().unwrap());
    target.secret = Some(Secret::new(pasted(&key, secret.expose(), "2099-01-01T00:00:00Z")));
    healthy(&target, &verbatim::connections()).await;
}

#[tokio::test]
async fn s3__session__token_expired() {
    let server = answering(Answer::s3_error(400, "ExpiredToken", "")).await;
    let secret = pasted("ASIA0123456789ABCDEF", "s", "2099-01-01T00:00:00Z");
    let target = at(endpoint(&server), "", Some(&secret));
    tells(&target, &private(), (N::Authenticate, C::TokenExpired), "still valid").await;
}

#[tokio::test]
async fn s3__session__token_expired__expiration_in_the_past() {
    let server = answering(Answer::s3_error(403, "InvalidAccessKeyId", "")).await;
    let secret = pasted("ASIA0123456789ABCDEF", "s", "2020-01-01T00:00:00Z");
    let target = at(endpoint(&server), "", Some(&secret));
    tells(&target, &private(), (N::Authenticate, C::TokenExpired), "still valid").await;
}

#[tokio::test]
async fn s3__session__secret_wrong__incomplete_json() {
    let target = aws("", Some("{\"AccessKeyId\":\"ASIA0123456789ABCDEF\"}"));
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "SessionToken").await;
}

#[tokio::test]
async fn s3__session__secret_wrong__no_session_token() {
    let target = aws("ASIA0123456789ABCDEF", Some("hunter2"));
    tells(&target, &private(), (N::Authenticate, C::SecretWrong), "temporary").await;
}

#[tokio::test]
async fn s3__session__key_unknown__other_access_key_entered() {
    let secret = pasted("ASIA0123456789ABCDEF", "s", "2099-01-01T00:00:00Z");
    let target = aws("AKIAOTHER", Some(&secret));
    tells(&target, &private(), (N::Authenticate, C::KeyUnknown), "leave the access key out").await;
}

/// Tests a role while AWS STS has a fault. The store itself is healthy.
async fn role_meets(fault: Fault, expected: C, words: &str) {
    let sts = failing(fault).await;
    let connections = with(|settings| {
        settings.identity = identity();
        settings.token_services = TokenServices { aws_sts: Some(endpoint(&sts)), ..Default::default() };
        settings.answer_timeout = Duration::from_secs(2);
    });
    let mut target = serve(Verbatim::default()).await;
    (target.location.key, target.secret) = (Some(ROLE.to_owned()), Some(Secret::new("bkt-0190c3c5")));
    tells(&target, &connections, (N::Authenticate, expected), words).await;
}

#[tokio::test]
async fn s3__role__healthy() {
    let mut target = serve(Verbatim::default()).await;
    let (key, secret) = (target.location.key.take().unwrap(), target.secret.take().unwrap());
    let sts = answering(session(&key, secret.expose())).await;
    let connections = with(|settings| {
        settings.identity = identity();
        settings.token_services = TokenServices { aws_sts: Some(endpoint(&sts)), ..Default::default() };
    });
    (target.location.key, target.secret) = (Some(ROLE.to_owned()), Some(Secret::new("bkt-0190c3c5")));
    healthy(&target, &connections).await;
}

#[tokio::test]
async fn s3__role__key_unknown__not_trusted() {
    role_meets(Fault::Answer(sts_error(403, "AccessDenied")), C::KeyUnknown, "sts:ExternalId").await;
}

#[tokio::test]
async fn s3__role__key_unknown__node_key() {
    let refused = sts_error(403, "InvalidClientTokenId");
    role_meets(Fault::Answer(refused), C::KeyUnknown, "BUCKETRY_AWS_ACCESS_KEY_ID").await;
}

#[tokio::test]
async fn s3__role__secret_wrong__node_secret() {
    let refused = sts_error(403, "SignatureDoesNotMatch");
    role_meets(Fault::Answer(refused), C::SecretWrong, "BUCKETRY_AWS_SECRET_ACCESS_KEY").await;
}

#[tokio::test]
async fn s3__role__clock_skew() {
    let old = sts_error(403, "SignatureDoesNotMatch").header("date", "Thu, 01 Jan 2015 00:00:00 GMT");
    role_meets(Fault::Answer(old), C::ClockSkew, "NTP").await;
}

#[tokio::test]
async fn s3__role__token_expired__node_session() {
    role_meets(Fault::Answer(sts_error(403, "ExpiredToken")), C::TokenExpired, "operator").await;
}

#[tokio::test]
async fn s3__role__provider_error__region_disabled() {
    let refused = sts_error(403, "RegionDisabledException");
    role_meets(Fault::Answer(refused), C::ProviderError, "Account settings").await;
}

#[tokio::test]
async fn s3__role__provider_error__garbage() {
    role_meets(Fault::Answer(Answer::html_page()), C::ProviderError, "Try again").await;
}

#[tokio::test]
async fn s3__role__provider_throttled() {
    role_meets(Fault::Answer(sts_error(400, "Throttling")), C::ProviderThrottled, "Try again later").await;
}

#[tokio::test]
async fn s3__role__connect_timeout() {
    role_meets(Fault::StallBeforeHeaders, C::ConnectTimeout, "AWS STS").await;
}

/// Tests a key and secret that are refused as a role before anything is sent.
async fn no_role(target: &BucketTarget, expected: C, words: &str) {
    let connections = with(|settings| settings.identity = identity());
    tells(target, &connections, (N::Authenticate, expected), words).await;
}

#[tokio::test]
async fn s3__role__key_unknown__not_a_role() {
    let user = aws("arn:aws:iam::123456789012:user/somebody", Some("bkt-1"));
    no_role(&user, C::KeyUnknown, "arn:aws:iam::123456789012:role/NAME").await;
}

#[tokio::test]
async fn s3__role__key_unknown__custom_endpoint() {
    let elsewhere = at(Endpoint::parse("https://s3.example.com").unwrap(), ROLE, Some("bkt-1"));
    no_role(&elsewhere, C::KeyUnknown, "AWS only").await;
}

#[tokio::test]
async fn s3__role__secret_wrong__no_external_id() {
    no_role(&aws(ROLE, None), C::SecretWrong, "external id").await;
}

#[tokio::test]
async fn s3__role__secret_wrong__not_an_external_id() {
    no_role(&aws(ROLE, Some("hunter2 & co")), C::SecretWrong, "2 to 1,224").await;
}

#[tokio::test]
async fn s3__role__key_unknown__node_without_identity() {
    let target = aws(ROLE, Some("bkt-1"));
    tells(&target, &private(), (N::Authenticate, C::KeyUnknown), "BUCKETRY_AWS_ACCESS_KEY_ID").await;
}
