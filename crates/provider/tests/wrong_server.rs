//! The diagnosis of a bucket whose storage type or endpoint is that of another server, on real servers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers fail by panicking")]

mod gcs_target;

use std::time::Duration;

use bucketry_faults::{Answer, Fault, FaultProxy};
use bucketry_model::bucket::{BucketTarget, StorageType};
use bucketry_model::diagnosis::{Check, CheckCode, CheckName, CheckScope};
use bucketry_model::secret::Secret;
use bucketry_provider::diagnose::diagnose;

use crate::gcs_target::{connections, target_at};

const DEADLINE: Duration = Duration::from_secs(10);

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run the tests with cargo xtask test"))
}

/// A bucket of each type at an endpoint, with credentials of the right form.
fn buckets(endpoint: &str) -> [BucketTarget; 3] {
    [StorageType::S3, StorageType::Blob, StorageType::Gcs].map(|storage_type| {
        let mut target = target_at(endpoint, "photos");
        let location = &mut target.location;
        location.storage_type = storage_type;
        match storage_type {
            StorageType::S3 => {
                location.key = Some("AKID".to_owned());
                target.secret = Some(Secret::new("s"));
            }
            StorageType::Blob => {
                location.key = Some("acct".to_owned());
                target.secret = Some(Secret::new("a2V5".repeat(21) + "a2U="));
            }
            StorageType::Gcs => {
                location.key = None;
                target.secret = None;
            }
        }
        target
    })
}

/// The failed check of each type, except the right one.
async fn failures(endpoint: &str, right: Option<StorageType>) -> Vec<(StorageType, Check)> {
    let mut failures = Vec::new();
    for target in buckets(endpoint) {
        let storage_type = target.location.storage_type;
        if Some(storage_type) != right {
            let diagnosis = diagnose(&target, &connections(), CheckScope::ReadOnly, DEADLINE).await;
            failures.push((storage_type, diagnosis.failure().unwrap().clone()));
        }
    }
    failures
}

#[tokio::test]
async fn a_server_of_another_type_is_named() {
    let azurite = setting("BUCKETRY_TEST_AZURE_ENDPOINT");
    for (endpoint, right, kind) in [
        (setting("BUCKETRY_TEST_S3_ENDPOINT"), StorageType::S3, "S3"),
        (azurite, StorageType::Blob, "Azure Blob Storage"),
    ] {
        for (storage_type, check) in failures(&endpoint, Some(right)).await {
            assert_eq!(
                check.error_code,
                Some(CheckCode::NotAnObjectStore),
                "{storage_type} at {right}: {check:?}"
            );
            assert_eq!(check.name, CheckName::Authenticate, "{storage_type} at {right}");
            assert!(check.message.contains(kind), "{storage_type} at {right}: {}", check.message);
            let hint = check.hint.unwrap();
            assert!(hint.contains(&format!("storage type to {right}")), "{hint}");
        }
    }
}

#[tokio::test]
async fn a_refusal_without_a_code_is_not_that_of_an_object_store() {
    for answer in [
        Answer::new(403),
        Answer::new(404),
        Answer::new(400),
        Answer::new(403)
            .header("server", "nginx")
            .header("content-type", "text/html")
            .body("<html>403</html>"),
        Answer::new(404).header("content-type", "text/plain").body("404 page not found"),
    ] {
        let server = FaultProxy::alone(Fault::Answer(answer.clone())).await.unwrap();
        for (storage_type, check) in failures(&server.endpoint(), None).await {
            assert_eq!(
                (check.name, check.error_code),
                (CheckName::Authenticate, Some(CheckCode::NotAnObjectStore)),
                "{storage_type} {answer:?}: {check:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_port_that_expects_https_gets_one_hint() {
    let page = Answer::new(400).body("Client sent an HTTP request to an HTTPS server.\n");
    let server = FaultProxy::alone(Fault::Answer(page)).await.unwrap();
    for (storage_type, check) in failures(&server.endpoint(), None).await {
        assert_eq!(check.error_code, Some(CheckCode::TlsFailed), "{storage_type}: {check:?}");
        assert_eq!(check.hint.as_deref(), Some("Enter the endpoint with https:// in front."));
    }
}
