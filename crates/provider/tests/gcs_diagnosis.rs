//! The diagnosis of Google buckets. The emulator checks no credentials, so stubs that refuse requests stand in for
//! Google's token service and API.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod gcs_server;
mod gcs_target;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::bucket::BucketTarget;
use bucketry_model::diagnosis::CheckName as N;
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope, Diagnosis};
use bucketry_model::secret::Secret;
use bucketry_provider::connection::{ConnectionSettings, Connections};
use bucketry_provider::diagnose::{diagnose, diagnose_driver};
use bucketry_provider::driver::{ListRequest, SharedDriver};
use bucketry_provider::error::ErrorKind;
use bucketry_provider::gcs::GcsDriver;
use bucketry_provider::open::open;
use bucketry_provider::policy::EndpointPolicy;
use bucketry_provider::probe::probe;
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use rsa::rand_core::OsRng;

use crate::gcs_server::{new_bucket, target};
use crate::gcs_target::{connections, target_at};

const DEADLINE: Duration = Duration::from_secs(10);
const EMAIL: &str = "robot@project.iam.gserviceaccount.com";

static PEM: LazyLock<String> = LazyLock::new(|| {
    RsaPrivateKey::new(&mut OsRng, 2_048).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
});

fn with_account(mut target: BucketTarget) -> BucketTarget {
    target.location.key = Some(EMAIL.to_owned());
    target.secret = Some(Secret::new(PEM.as_str()));
    target
}

async fn token_service(answer: Answer) -> FaultProxy {
    FaultProxy::alone(Fault::Answer(answer)).await.unwrap()
}

fn token() -> Answer {
    Answer::new(200)
        .header("content-type", "application/json")
        .body("{\"access_token\":\"ya29.the-token\",\"expires_in\":3599,\"token_type\":\"Bearer\"}")
}

fn driver(target: &BucketTarget, connections: &Connections, tokens: &FaultProxy) -> SharedDriver {
    let uri = format!("{}/token", tokens.endpoint()).parse().unwrap();
    Arc::new(GcsDriver::open_with_token_service(&with_account(target.clone()), connections, uri).unwrap())
}

fn failure(diagnosis: &Diagnosis) -> (CheckName, CheckCode, String) {
    let check = diagnosis.failure().unwrap();
    let shown = serde_json::to_string(diagnosis).unwrap();
    assert!(!shown.contains("remote side") && !shown.contains("ya29"), "{shown}");
    (check.name, check.error_code.unwrap(), check.hint.clone().unwrap_or_default())
}

#[tokio::test]
async fn a_sound_bucket_passes_every_check_with_one_token() {
    let tokens = token_service(token()).await;
    let target = new_bucket("sound").await;
    let connections = connections();
    let driver = driver(&target, &connections, &tokens);
    let response = diagnose_driver(&driver, &connections, CheckScope::Full, DEADLINE).await;
    let names: Vec<_> = response.checks.iter().map(|check| check.name).collect();
    assert!(response.is_healthy(), "{response:?}");
    assert_eq!(
        names,
        [N::Dns, N::Connect, N::Authenticate, N::Bucket, N::List, N::Write, N::Read, N::Delete]
    );
    assert_eq!(tokens.faults_met(), 1, "a token is requested once");
    assert!(tokens.heads()[0].starts_with("POST /token "));

    let missing = target_at(&target.location.endpoint.unwrap().to_string(), "no-such-bucket");
    let missing = self::driver(&missing, &connections, &tokens);
    let response = diagnose_driver(&missing, &connections, CheckScope::Full, DEADLINE).await;
    assert_eq!((failure(&response).0, failure(&response).1), (N::Bucket, CheckCode::BucketNotFound));
    assert_eq!(tokens.faults_met(), 1, "buckets of one account share its token");
}

#[tokio::test]
async fn many_requests_at_once_ask_for_one_token() {
    let tokens = token_service(token()).await;
    let driver = driver(&new_bucket("flight").await, &connections(), &tokens);
    let request = ListRequest::default();
    let lists = (0..16).map(|_| driver.list(&request));
    for outcome in futures_util::future::join_all(lists).await {
        outcome.unwrap();
    }
    assert_eq!(tokens.faults_met(), 1);
}

fn grant(words: &str) -> Answer {
    let body = format!("{{\"error\":\"invalid_grant\",\"error_description\":\"{words} remote side\"}}");
    Answer::new(400).header("content-type", "application/json").body(&body)
}

#[tokio::test]
async fn what_the_token_service_refuses_is_told() {
    let frame = "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe.";
    for (answer, code, hint) in [
        (grant("Invalid grant: account not found"), CheckCode::KeyUnknown, "e-mail"),
        (grant("Invalid JWT Signature."), CheckCode::SecretWrong, "keys create"),
        (grant(frame), CheckCode::ClockSkew, "NTP"),
        (grant("x").header("date", "Thu, 01 Jan 2015 00:00:00 GMT"), CheckCode::ClockSkew, "NTP"),
        (Answer::html_page(), CheckCode::ProviderError, "Try again"),
        (Answer::new(200).body("{}"), CheckCode::ProviderError, "Try again"),
        (Answer::too_many_requests(7), CheckCode::ProviderThrottled, "Try again later"),
        (Answer::redirect_to("http://127.0.0.1:1/"), CheckCode::ProviderError, "Try again"),
    ] {
        let tokens = token_service(answer.clone()).await;
        let connections = connections();
        let driver = driver(&target("bucket"), &connections, &tokens);
        let response = diagnose_driver(&driver, &connections, CheckScope::Full, DEADLINE).await;
        let found = failure(&response);
        assert_eq!((found.0, found.1), (N::Authenticate, code), "{answer:?}");
        assert!(found.2.contains(hint), "{found:?}");
        assert_eq!(probe(&*driver, DEADLINE).await.outcome.unwrap_err().code, code, "{answer:?}");
    }
}

#[tokio::test]
async fn a_token_service_that_stalls_is_given_up() {
    let patience = Duration::from_millis(300);
    let settings = ConnectionSettings {
        policy: EndpointPolicy::private(),
        answer_timeout: patience,
        ..Default::default()
    };
    let connections = Connections::new(settings).unwrap();
    let tokens = FaultProxy::alone(Fault::StallBeforeHeaders).await.unwrap();
    let driver = driver(&target("bucket"), &connections, &tokens);
    let response = diagnose_driver(&driver, &connections, CheckScope::Full, DEADLINE).await;
    assert_eq!((failure(&response).0, failure(&response).1), (N::Authenticate, CheckCode::ConnectTimeout));
}

/// An error in the form of the JSON API.
fn google_error(status: u16, reason: &str) -> Answer {
    let body = format!(
        "{{\"error\":{{\"code\":{status},\"message\":\"text of the remote side\",\
         \"errors\":[{{\"domain\":\"global\",\"reason\":\"{reason}\"}}]}}}}"
    );
    Answer::new(status).header("content-type", "application/json; charset=UTF-8").body(&body)
}

#[tokio::test]
async fn what_the_service_refuses_is_told() {
    for (answer, name, code, hint) in [
        (google_error(403, "forbidden"), N::List, CheckCode::AccessDeniedList, "storage.objects.list"),
        (google_error(404, "notFound"), N::Bucket, CheckCode::BucketNotFound, "name"),
        (google_error(403, "accountDisabled"), N::Authenticate, CheckCode::AccountNotFound, "billing"),
        (google_error(401, "authError"), N::Authenticate, CheckCode::TokenExpired, "enabled"),
        (
            google_error(429, "rateLimitExceeded"),
            N::Authenticate,
            CheckCode::ProviderThrottled,
            "Try again later",
        ),
        (google_error(503, "backendError"), N::Authenticate, CheckCode::ProviderError, "Try again"),
        (
            google_error(400, "userProjectMissing"),
            N::Authenticate,
            CheckCode::ProviderError,
            "Requester Pays",
        ),
        (Answer::html_page(), N::Authenticate, CheckCode::NotAnObjectStore, "storage API"),
        (
            Answer::redirect_to("http://127.0.0.1:1/"),
            N::Authenticate,
            CheckCode::NotAnObjectStore,
            "followed",
        ),
    ] {
        let tokens = token_service(token()).await;
        let api = FaultProxy::alone(Fault::Answer(answer.clone())).await.unwrap();
        let connections = connections();
        let driver = driver(&target_at(&api.endpoint(), "bucket"), &connections, &tokens);
        let response = diagnose_driver(&driver, &connections, CheckScope::Full, DEADLINE).await;
        let found = failure(&response);
        assert_eq!((found.0, found.1), (name, code), "{answer:?}");
        assert!(found.2.contains(hint), "{found:?}");
        assert_eq!(probe(&*driver, DEADLINE).await.outcome.unwrap_err().code, code, "{answer:?}");
        assert!(api.heads().iter().all(|head| head.contains("authorization: Bearer ya29.the-token")));
    }
}

#[tokio::test]
async fn denials_are_told_one_by_one_with_their_permissions() {
    let tokens = token_service(token()).await;
    let api = FaultProxy::alone(Fault::Answer(google_error(403, "forbidden"))).await.unwrap();
    let connections = connections();
    let driver = driver(&target_at(&api.endpoint(), "bucket"), &connections, &tokens);
    let response = diagnose_driver(&driver, &connections, CheckScope::Full, DEADLINE).await;
    let denied: Vec<_> = response.checks.iter().filter_map(|check| check.error_code).collect();
    assert_eq!(denied, [CheckCode::AccessDeniedList, CheckCode::AccessDeniedWrite]);
    let write = response.checks.iter().find(|check| check.name == N::Write).unwrap();
    assert!(write.hint.as_deref().unwrap().contains("storage.objects.create"));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let tokens = token_service(token()).await;
    let api = FaultProxy::alone(Fault::Answer(google_error(401, "authError"))).await.unwrap();
    let driver = driver(&target_at(&api.endpoint(), "bucket"), &connections(), &tokens);
    let refused = driver.list(&ListRequest::default()).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ErrorKind::TokenExpired));
    assert_eq!((api.faults_met(), tokens.faults_met()), (2, 2));
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_told_before_anything_is_sent() {
    let mut unusable = target("bucket");
    unusable.location.key = Some(EMAIL.to_owned());
    for (secret, code, words) in [
        (None, CheckCode::KeyUnknown, "impersonated"),
        (Some("hunter2".to_owned()), CheckCode::SecretWrong, "not a private key"),
        (Some(PEM[..600].to_owned()), CheckCode::SecretWrong, "truncated"),
        (Some("{\"type\":\"authorized_user\"}".to_owned()), CheckCode::SecretWrong, "service_account only"),
        (Some("{\"type\":\"external_account\"}".to_owned()), CheckCode::SecretWrong, "service_account"),
    ] {
        unusable.secret = secret.map(Secret::new);
        let response = diagnose(&unusable, &connections(), CheckScope::Full, DEADLINE).await;
        let check = response.failure().unwrap();
        assert_eq!((check.name, check.error_code), (N::Authenticate, Some(code)), "{check:?}");
        let words = words.trim_end_matches(" only");
        assert!(check.message.contains(words), "{check:?}");
        assert!(!check.message.contains("hunter2"));
    }
}

#[tokio::test]
async fn an_hmac_pair_speaks_the_s3_protocol() {
    let invalid = Answer::s3_error(403, "InvalidSecurity", "");
    let api = FaultProxy::alone(Fault::Answer(invalid)).await.unwrap();
    let mut target = target_at(&api.endpoint(), "bucket");
    target.location.key = Some("GOOG1EXAMPLE".to_owned());
    target.secret = Some(Secret::new("secret"));
    let response = diagnose(&target, &connections(), CheckScope::Full, DEADLINE).await;
    let (name, code, hint) = failure(&response);
    assert_eq!((name, code), (N::Authenticate, CheckCode::KeyUnknown));
    assert!(hint.contains("HMAC"), "{hint}");
    assert!(api.heads()[0].contains("Credential=GOOG1EXAMPLE/"));

    target.location.endpoint = None;
    let driver = open(&target, &connections()).unwrap();
    assert_eq!(driver.site().host.to_string(), "storage.googleapis.com");
    assert!(!driver.capabilities().put_if_absent);
}
