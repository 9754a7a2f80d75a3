//! Access delegated to the node: roles, impersonated service accounts, applications. Credentials are requested
//! once, shared, renewed before they expire, and replaced when they are refused.

mod token_services;
mod verbatim;

use std::sync::Arc;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::bucket::StorageType::{Blob, Gcs, S3};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::CheckScope;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_model::time::ManualClock;
use bucketry_provider::azure::AzureOpenError;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::diagnose::diagnose;
use bucketry_provider::driver::ListRequest;
use bucketry_provider::error::ErrorKind;
use bucketry_provider::gcs::GcsOpenError;
use bucketry_provider::identity::{NodeIdentity, TokenServices};
use bucketry_provider::open::{OpenError, open};
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::resolve::SystemResolver;
use bucketry_provider::s3::S3OpenError;
use jiff::SignedDuration;

use crate::token_services::{connections, endpoint, identity, json, service, session, token};

use crate::verbatim::Verbatim;

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const EXTERNAL_ID: &str = "bkt-0190c3c5";

fn with_role(mut target: BucketTarget) -> BucketTarget {
    target.location.key = Some(ROLE.to_owned());
    target.secret = Some(Secret::new(EXTERNAL_ID));
    target
}

fn bucket_at(
    storage_type: StorageType,
    server: &FaultProxy,
    key: &str,
    secret: Option<&str>,
) -> BucketTarget {
    let location = BucketLocation {
        storage_type,
        bucket: "photos".to_owned(),
        key: Some(key.to_owned()),
        endpoint: Some(endpoint(server)),
        region: Some("eu-west-1".to_owned()),
    };
    BucketTarget { location, secret: secret.map(Secret::new) }
}

#[tokio::test]
async fn a_role_opens_its_bucket_with_one_session_for_all_requests() {
    let store = verbatim::serve(Verbatim::default()).await;
    let (key, secret) = (store.location.key.clone().unwrap(), store.secret.clone().unwrap());
    let sts = service(session(&key, secret.expose())).await;
    let services = TokenServices { aws_sts: Some(endpoint(&sts)), ..Default::default() };
    let connections = connections(identity(), services);
    let target = with_role(store);
    let response =
        diagnose(&target, &connections, CheckScope::Full, std::time::Duration::from_secs(10)).await;
    assert!(response.is_healthy(), "{response:?}");
    let again = open(&target, &connections).unwrap();
    again.list(&ListRequest::default()).await.unwrap();
    assert_eq!(sts.faults_met(), 1, "buckets of one role share its session");
    let head = &sts.heads()[0];
    assert!(head.starts_with("POST / ") && head.contains("Credential=AKIANODE/"), "{head}");
    assert!(head.contains("/eu-west-1/sts/aws4_request"), "{head}");
}

#[tokio::test]
async fn the_session_token_is_sent_and_signed() {
    let store = service(Answer::s3_error(404, "NoSuchBucket", "")).await;
    let sts = service(session("ASIASESSION", "secret")).await;
    let services = TokenServices { aws_sts: Some(endpoint(&sts)), ..Default::default() };
    let target = bucket_at(S3, &store, ROLE, Some(EXTERNAL_ID));
    let driver = open(&target, &connections(identity(), services)).unwrap();
    driver.list(&ListRequest::default()).await.unwrap_err();
    assert!(
        sts.heads()[0].contains("/eu-west-1/sts/aws4_request"),
        "the request goes to the bucket's region"
    );

    let pasted = r#"{"Credentials":{"AccessKeyId":"ASIASESSION","SecretAccessKey":"s","SessionToken":"the-session-token",
        "Expiration":"2099-01-01T00:00:00Z"}}"#;
    let target = bucket_at(S3, &store, "", Some(pasted));
    let driver = open(&target, &verbatim::connections()).unwrap();
    driver.list(&ListRequest::default()).await.unwrap_err();
    assert_eq!(store.heads().len(), 2);
    for head in store.heads() {
        assert!(head.contains("x-amz-security-token: the-session-token"), "{head}");
        assert!(head.contains("Credential=ASIASESSION/"), "{head}");
        assert!(head.contains(";x-amz-security-token,"), "the token is signed: {head}");
    }
}

#[tokio::test]
async fn a_session_that_is_refused_is_replaced_once() {
    let store = service(Answer::s3_error(400, "ExpiredToken", "")).await;
    let sts = service(session("ASIASESSION", "secret")).await;
    let services = TokenServices { aws_sts: Some(endpoint(&sts)), ..Default::default() };
    let target = bucket_at(S3, &store, ROLE, Some(EXTERNAL_ID));
    let driver = open(&target, &connections(identity(), services)).unwrap();
    let refused = driver.list(&ListRequest::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::TokenExpired));
    assert_eq!((store.faults_met(), sts.faults_met()), (2, 2));
}

#[tokio::test]
async fn a_session_is_renewed_ahead_of_its_end_and_outlives_an_outage_of_the_service() {
    let store = service(Answer::s3_error(404, "NoSuchBucket", "")).await;
    let sts = service(session("ASIASESSION", "secret")).await;
    let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
    let settings = ConnectionSettings {
        policy: EndpointPolicy::private(),
        identity: identity(),
        token_services: TokenServices { aws_sts: Some(endpoint(&sts)), ..Default::default() },
        ..Default::default()
    };
    let connections = Connections::with(settings, Arc::new(SystemResolver), Arc::clone(&clock) as _).unwrap();
    let driver = open(&bucket_at(S3, &store, ROLE, Some(EXTERNAL_ID)), &connections).unwrap();
    let list = async || driver.list(&ListRequest::default()).await.unwrap_err().kind();
    assert_eq!(list().await, Some(ErrorKind::BucketNotFound));
    clock.advance(SignedDuration::from_mins(56));
    sts.set(Fault::CloseEarly);
    assert_eq!(list().await, Some(ErrorKind::BucketNotFound), "the old session is still used");
    clock.advance(SignedDuration::from_mins(1));
    sts.set(Fault::Answer(session("ASIARENEWED", "secret")));
    assert_eq!(list().await, Some(ErrorKind::BucketNotFound));
    let last = store.heads().pop().unwrap();
    assert!(last.contains("Credential=ASIARENEWED/"), "{last}");
}

#[tokio::test]
async fn a_service_account_without_a_secret_is_impersonated() {
    let tokens = service(token("ya29.the-node")).await;
    let iam = service(json(
        200,
        &serde_json::json!({ "accessToken": "ya29.the-customer", "expireTime": "2099-01-01T00:00:00Z" }),
    ));
    let iam = iam.await;
    let store = service(json(200, &serde_json::json!({}))).await;
    let services = TokenServices {
        google_token: Some(endpoint(&tokens)),
        google_iam: Some(endpoint(&iam)),
        ..Default::default()
    };
    let connections = connections(identity(), services);
    let target = bucket_at(Gcs, &store, "robot@customer.iam.gserviceaccount.com", None);
    let driver = open(&target, &connections).unwrap();
    for _ in 0..3 {
        driver.list(&ListRequest::default()).await.unwrap();
    }
    assert_eq!((tokens.faults_met(), iam.faults_met(), store.faults_met()), (1, 1, 3));
    let asked = &iam.heads()[0];
    assert!(
        asked.starts_with(
            "POST /v1/projects/-/serviceAccounts/robot%40customer.iam.gserviceaccount.com:generateAccessToken "
        ),
        "{asked}"
    );
    assert!(asked.contains("authorization: Bearer ya29.the-node"), "{asked}");
    assert!(store.heads().iter().all(|head| head.contains("authorization: Bearer ya29.the-customer")));
}

#[tokio::test]
async fn an_application_opens_a_container_with_one_token_and_replaces_a_refused_one_once() {
    let entra = service(token("eyJ.the-token")).await;
    let store = service(Answer::new(401).header("x-ms-error-code", "InvalidAuthenticationInfo")).await;
    let services = TokenServices { entra: Some(endpoint(&entra)), ..Default::default() };
    let connections = connections(NodeIdentity::default(), services);
    let pasted = r#"{"appId":"11-aa","password":"p","tenant":"22-bb"}"#;
    let target = bucket_at(Blob, &store, "acct", Some(pasted));
    let driver = open(&target, &connections).unwrap();
    driver.list(&ListRequest::default()).await.unwrap_err();
    assert_eq!((entra.faults_met(), store.faults_met()), (2, 2));
    assert!(entra.heads()[0].starts_with("POST /22-bb/oauth2/v2.0/token "));
    assert!(store.heads()[0].contains("authorization: Bearer eyJ.the-token"));
}

#[tokio::test]
async fn credentials_of_others_are_shown_to_their_own_cloud_only() {
    let elsewhere = |storage_type, endpoint: &str, key: &str, secret: Option<&str>| {
        let location = BucketLocation {
            storage_type,
            bucket: "photos".to_owned(),
            key: Some(key.to_owned()),
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            region: None,
        };
        let target = BucketTarget { location, secret: secret.map(Secret::new) };
        open(&target, &connections(identity(), TokenServices::default())).map(drop)
    };
    let email = "robot@customer.iam.gserviceaccount.com";
    let application = r#"{"appId":"11-aa","password":"p","tenant":"22-bb"}"#;
    for (response, expected) in [
        (
            elsewhere(S3, "https://s3.evil.example", ROLE, Some("ext")),
            Err(OpenError::S3(S3OpenError::RoleElsewhere)),
        ),
        (elsewhere(S3, "https://s3.eu-west-1.amazonaws.com", ROLE, Some("ext")), Ok(())),
        (
            elsewhere(S3, "https://s3.eu-west-1.amazonaws.com", ROLE, None),
            Err(OpenError::S3(S3OpenError::MissingExternalId)),
        ),
        (
            elsewhere(Gcs, "https://storage.evil.example", email, None),
            Err(OpenError::Gcs(GcsOpenError::ImpersonationElsewhere)),
        ),
        (
            elsewhere(Gcs, "http://storage.googleapis.com", email, None),
            Err(OpenError::Gcs(GcsOpenError::ImpersonationElsewhere)),
        ),
        (elsewhere(Gcs, "https://storage.googleapis.com", email, None), Ok(())),
        (
            elsewhere(Blob, "http://blob.core.windows.net", "acct", Some(application)),
            Err(OpenError::Azure(AzureOpenError::ApplicationNeedsTls)),
        ),
        (elsewhere(Blob, "https://blob.core.windows.net", "acct", Some(application)), Ok(())),
    ] {
        assert_eq!(response, expected);
    }
}
