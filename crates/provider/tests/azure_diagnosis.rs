//! The diagnosis of Azure containers: against a real server, and against a stub for responses that it can't
//! produce.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod azure_sas;
mod azure_server;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::diagnosis::CheckName as N;
use bucketry_model::diagnosis::{CheckCode, CheckName, CheckScope, Diagnosis};
use bucketry_model::endpoint::Endpoint;
use bucketry_model::secret::Secret;
use bucketry_provider::diagnose::diagnose;
use bucketry_provider::open::open;
use bucketry_provider::probe::probe;

use crate::azure_sas::{LATER, azure_error, sas};
use crate::azure_server::{connections, new_container, target};

const DEADLINE: Duration = Duration::from_secs(10);

async fn diagnosis(target: &BucketTarget, scope: CheckScope) -> Diagnosis {
    diagnose(target, &connections(), scope, DEADLINE).await
}

fn outline(diagnosis: &Diagnosis) -> Vec<(CheckName, Option<CheckCode>)> {
    diagnosis.checks.iter().map(|check| (check.name, check.error_code)).collect()
}

fn failure(diagnosis: &Diagnosis) -> (CheckName, CheckCode, String) {
    let check = diagnosis.failure().unwrap();
    (check.name, check.error_code.unwrap(), check.hint.clone().unwrap_or_default())
}

#[tokio::test]
async fn a_sound_container_passes_every_check() {
    let target = new_container("sound").await;
    let all = [N::Dns, N::Connect, N::Authenticate, N::Bucket, N::List, N::Write, N::Read, N::Delete];
    let expected: Vec<_> = all.into_iter().map(|name| (name, None)).collect();
    assert_eq!(outline(&diagnosis(&target, CheckScope::Full).await), expected);

    let with_sas = BucketTarget {
        secret: Some(sas(&target.location.bucket, "rwdlc", LATER, &[])),
        location: target.location.clone(),
    };
    assert_eq!(outline(&diagnosis(&with_sas, CheckScope::Full).await), expected, "with a SAS");
    assert_eq!(probe(&*open(&with_sas, &connections()).unwrap(), DEADLINE).await.outcome, Ok(()));
}

#[tokio::test]
async fn missing_permissions_of_a_sas_are_told_with_their_letters() {
    let admin = new_container("letters").await;
    for (permissions, failed) in [
        ("rwdc", vec![(N::List, "List (l)")]),
        ("rl", vec![(N::Write, "Write (w)")]),
        ("wlcd", vec![(N::Read, "Read (r)")]),
        ("rwlc", vec![(N::Delete, "Delete (d)")]),
        ("r", vec![(N::List, "List (l)"), (N::Write, "Write (w)")]),
    ] {
        let target = BucketTarget {
            secret: Some(sas(&admin.location.bucket, permissions, LATER, &[])),
            location: admin.location.clone(),
        };
        let response = diagnosis(&target, CheckScope::Full).await;
        let denied: Vec<_> = response.checks.iter().filter(|check| !check.ok).collect();
        assert_eq!(denied.len(), failed.len(), "{permissions}: {response:?}");
        for (check, (name, hint)) in denied.iter().zip(failed) {
            assert_eq!(check.name, name, "{permissions}");
            assert!(check.hint.as_deref().unwrap().contains(hint), "{permissions}: {check:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_credential_is_told_from_an_expired_one() {
    let admin = new_container("wrong").await;
    let other = new_container("other").await;
    let bucket = &admin.location.bucket;
    for (secret, code) in [
        (Secret::new(STANDARD.encode("another key")), CheckCode::SecretWrong),
        (sas(&other.location.bucket, "rwdlc", LATER, &[]), CheckCode::SecretWrong),
        (sas(bucket, "rwdlc", "2020-01-01T00:00:00Z", &[]), CheckCode::TokenExpired),
        (Secret::new("DefaultEndpointsProtocol=https;AccountKey=x"), CheckCode::SecretWrong),
    ] {
        let target = BucketTarget { secret: Some(secret), location: admin.location.clone() };
        let response = diagnosis(&target, CheckScope::Full).await;
        let (name, found, hint) = failure(&response);
        assert_eq!((name, found), (N::Authenticate, code), "{hint}");
    }
}

#[tokio::test]
async fn a_missing_container_and_a_missing_account_are_told() {
    let (name, code, _) = failure(&diagnosis(&target("no-such-container"), CheckScope::Full).await);
    assert_eq!((name, code), (N::Bucket, CheckCode::BucketNotFound));
    let capitals = diagnosis(&target("Photos"), CheckScope::Full).await;
    assert_eq!(failure(&capitals).1, CheckCode::BucketNotFound);

    let mut elsewhere = target("photos");
    elsewhere.location.key = Some("nobody123".to_owned());
    assert_eq!(failure(&diagnosis(&elsewhere, CheckScope::Full).await).1, CheckCode::AccountNotFound);
    elsewhere.location.key = Some("Not An Account".to_owned());
    assert_eq!(failure(&diagnosis(&elsewhere, CheckScope::Full).await).1, CheckCode::AccountNotFound);
    elsewhere.location.key = None;
    assert_eq!(failure(&diagnosis(&elsewhere, CheckScope::Full).await).1, CheckCode::AccountNotFound);

    let public = |endpoint: &str| BucketTarget {
        location: BucketLocation {
            key: Some("nosuchaccount".to_owned()),
            endpoint: Some(Endpoint::parse(endpoint).unwrap()),
            ..target("photos").location
        },
        secret: Some(Secret::new("c2VjcmV0")),
    };
    let response = diagnosis(&public("http://blob.core.invalid"), CheckScope::Full).await;
    assert_eq!(failure(&response).1, CheckCode::AccountNotFound, "the host contains the account");
    let response = diagnosis(&public("http://files.invalid"), CheckScope::Full).await;
    assert_eq!(failure(&response).1, CheckCode::DnsFailed, "a custom domain");
}

#[tokio::test]
async fn what_the_emulator_cannot_answer_is_told_too() {
    let old = azure_error(403, "AuthenticationFailed").header("date", "Thu, 01 Jan 2015 00:00:00 GMT");
    for (answer, code, hint) in [
        (old, CheckCode::ClockSkew, "NTP"),
        (azure_error(403, "AccountIsDisabled"), CheckCode::AccountNotFound, "disabled"),
        (
            azure_error(503, "ServerBusy").header("retry-after", "7"),
            CheckCode::ProviderThrottled,
            "Try again later",
        ),
        (azure_error(500, "InternalError"), CheckCode::ProviderError, "Try again"),
        (azure_error(400, "AccountRequiresHttps"), CheckCode::ProviderError, "https endpoint"),
        (azure_error(404, "ContainerBeingDeleted"), CheckCode::BucketNotFound, "container"),
        (Answer::html_page(), CheckCode::NotAnObjectStore, "storage API"),
        (Answer::redirect_to("http://127.0.0.1:1/"), CheckCode::NotAnObjectStore, "not followed"),
        (
            azure_error(403, "KeyBasedAuthenticationNotPermitted"),
            CheckCode::AccessDeniedList,
            "user delegation",
        ),
        (azure_error(403, "AuthorizationSourceIPMismatch"), CheckCode::AccessDeniedList, "sip"),
        (azure_error(403, "AuthorizationProtocolMismatch"), CheckCode::AccessDeniedList, "spr"),
    ] {
        let server = FaultProxy::alone(Fault::Answer(answer.clone())).await.unwrap();
        let target = BucketTarget {
            location: BucketLocation {
                storage_type: StorageType::Blob,
                bucket: "photos".to_owned(),
                key: Some("acct".to_owned()),
                endpoint: Some(Endpoint::parse(&server.endpoint()).unwrap()),
                region: None,
            },
            secret: Some(Secret::new(STANDARD.encode("hunter2-the-secret"))),
        };
        let response = diagnosis(&target, CheckScope::Full).await;
        let found = failure(&response);
        assert_eq!(found.1, code, "{answer:?}");
        assert!(found.2.contains(hint), "{found:?}");
        let shown = serde_json::to_string(&response).unwrap();
        assert!(!shown.contains("remote side") && !shown.contains("hunter2"), "{shown}");
        let probed = probe(&*open(&target, &connections()).unwrap(), DEADLINE).await;
        assert_eq!(probed.outcome.unwrap_err().code, code, "a probe reports the same code: {answer:?}");
    }
}
