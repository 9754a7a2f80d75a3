//! Whether a key opens more than its bucket, at real servers and at stubs.
#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

#[expect(dead_code, reason = "shared with other tests")]
mod azure_sas;
mod azure_server;
mod server;
mod token_services;

use std::time::Duration;

use bucketry_faults::Answer;
use bucketry_model::bucket::{BucketLocation, BucketTarget, StorageType};
use bucketry_model::secret::Secret;
use bucketry_provider::connection::Connections;
use bucketry_provider::identity::TokenServices;
use bucketry_provider::key_scope::{KeyScope, check_key_scope};
use bucketry_provider::open::open;

use crate::token_services::{endpoint, identity, json, key_file, service, token};

async fn scope(target: &BucketTarget, connections: &Connections) -> KeyScope {
    let driver = open(target, connections).unwrap();
    check_key_scope(&*driver, Duration::from_secs(10)).await
}

#[tokio::test]
async fn at_s3_a_key_of_the_account_is_wider_than_one_of_the_bucket() {
    let target = server::new_bucket("scope").await;
    server::new_bucket("scope").await;
    let KeyScope::Wider(others) = scope(&target, &server::connections()).await else { panic!("not wider") };
    assert!(others >= 1);
    let narrow = server::target("scoped", "READONLY_");
    assert_eq!(scope(&narrow, &server::connections()).await, KeyScope::Bucket);
    let public = BucketTarget { location: BucketLocation { key: None, ..narrow.location }, secret: None };
    assert_eq!(scope(&public, &server::connections()).await, KeyScope::Unknown, "there is no key");
}

#[tokio::test]
async fn at_azure_an_account_key_is_wider_than_a_signature_for_the_container() {
    let target = azure_server::new_container("scope").await;
    azure_server::new_container("scope").await;
    let connections = azure_server::connections();
    let KeyScope::Wider(others) = scope(&target, &connections).await else { panic!("not wider") };
    assert!(others >= 1);
    let sas = azure_sas::sas(&target.location.bucket, "rl", azure_sas::LATER, &[]);
    let narrow = BucketTarget { secret: Some(sas), ..target };
    assert_eq!(scope(&narrow, &connections).await, KeyScope::Bucket);
}

#[tokio::test]
async fn at_google_the_buckets_of_the_accounts_project_are_listed() {
    let buckets = |names: &[&str]| {
        let items: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
        json(200, &serde_json::json!({ "kind": "storage#buckets", "items": items }))
    };
    let refused = |status: u16, reason: &str| {
        let error = serde_json::json!({ "code": status, "errors": [{ "reason": reason }] });
        json(status, &serde_json::json!({ "error": error }))
    };
    let tokens = service(token("the-token")).await;
    let at = async |answer: Answer| {
        let store = service(answer).await;
        let services = TokenServices { google_token: Some(endpoint(&tokens)), ..Default::default() };
        let location = BucketLocation {
            storage_type: StorageType::Gcs,
            bucket: "photos".to_owned(),
            key: None,
            endpoint: Some(endpoint(&store)),
            region: None,
        };
        let secret = Some(Secret::new(key_file("robot@my-project.iam.gserviceaccount.com")));
        let target = BucketTarget { location, secret };
        let found = scope(&target, &token_services::connections(identity(), services)).await;
        (found, store.heads().concat())
    };
    let (found, head) = at(buckets(&["photos", "archive", "logs"])).await;
    assert_eq!(found, KeyScope::Wider(2));
    assert!(head.starts_with("GET /storage/v1/b?") && head.contains("&project=my-project "), "{head}");
    assert_eq!(at(buckets(&["photos"])).await.0, KeyScope::Bucket);
    assert_eq!(at(refused(403, "forbidden")).await.0, KeyScope::Bucket);
    assert_eq!(at(refused(500, "backendError")).await.0, KeyScope::Unknown);
    assert_eq!(at(Answer::new(200).body("<html></html>")).await.0, KeyScope::Unknown);
}
