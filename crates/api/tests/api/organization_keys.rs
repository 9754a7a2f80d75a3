//! The keys with which nodes of an organization sign: created, listed and deleted.

use bucketry_model::secret::Secret;
use bucketry_vault::NodeSigningKey;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment};

fn keys_path(deployment: &Deployment) -> String {
    format!("/organization/{}/key", deployment.first.org_id)
}

/// Creates a key as the first owner, with these headers.
async fn create(deployment: &Deployment, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri(keys_path(deployment));
    request = request.header("authorization", format!("Bearer {}", deployment.owner));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    deployment.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// The public half of a private key.
fn public_half(pem: &str) -> String {
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "PKCS#1: {pem:?}");
    NodeSigningKey::from_pem(&Secret::new(pem)).unwrap().verifying_key().unwrap().to_pem().to_owned()
}

async fn listed(deployment: &Deployment) -> Vec<Value> {
    let answer = deployment.get(&keys_path(deployment)).await;
    assert_eq!((answer.status.as_u16(), &answer.body["success"]), (200, &json!(true)), "{}", answer.text);
    assert!(answer.body["message"].is_string(), "{}", answer.text);
    assert!(!answer.text.contains("PRIVATE KEY"), "{}", answer.text);
    answer.body["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_private_key_is_returned_once_as_a_string_or_as_pem() {
    let deployment = Deployment::start().await;
    let string = create(&deployment, &[("accept", "*/*")]).await;
    assert_eq!(string.status, 200, "{}", string.text);
    assert_eq!(string.headers["content-type"], "application/json");
    let first = public_half(string.body.as_str().unwrap());

    deployment.clock.advance(jiff::SignedDuration::from_secs(1));
    let pem = create(&deployment, &[("accept", "application/x-pem-file")]).await;
    assert_eq!(pem.status, 200, "{}", pem.text);
    assert_eq!(pem.headers["content-type"], "application/x-pem-file");
    let second = public_half(&pem.text);

    let keys = listed(&deployment).await;
    let publics: Vec<_> = keys.iter().map(|key| key["publicKey"].as_str().unwrap()).collect();
    assert_eq!(publics, [second.as_str(), first.as_str()], "newest first");
    for key in &keys {
        assert_eq!(key["orgId"], json!(deployment.first.org_id));
        assert!(key["id"].is_string() && key["createdAt"].is_string(), "{key}");
        assert_eq!(key["nodeKeys"], json!([]));
    }
}

#[tokio::test]
async fn a_repeated_creation_makes_one_key_and_does_not_show_it_again() {
    let deployment = Deployment::start().await;
    let headers = [("idempotency-key", "once"), ("accept", "application/x-pem-file")];
    let first = create(&deployment, &headers).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let again = create(&deployment, &headers).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let keys = listed(&deployment).await;
    assert_eq!((keys.len(), &again.body["id"]), (1, &keys[0]["id"]), "{}", again.text);
    assert!(!again.text.contains("PRIVATE") && again.body["message"].is_string(), "{}", again.text);
}

#[tokio::test]
async fn an_organization_has_five_keys_and_makes_room_by_deleting() {
    let deployment = Deployment::start().await;
    let path = keys_path(&deployment);
    for _ in 0..5 {
        assert_eq!(create(&deployment, &[]).await.status, 200);
    }
    let refused = create(&deployment, &[]).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "TOO_MANY_KEYS"), "{}", refused.text);

    let keys = listed(&deployment).await;
    let one = format!("{path}/{}", keys[0]["id"].as_str().unwrap());
    let deleted = deployment.delete(&one).await;
    assert_eq!((deleted.status.as_u16(), &deleted.body["success"]), (200, &json!(true)), "{}", deleted.text);
    for missing in [one.as_str(), &format!("{path}/x"), &format!("{path}/{}", deployment.first.org_id)] {
        let answer = deployment.delete(missing).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "NOT_FOUND"), "{missing}: {}", answer.text);
    }
    assert_eq!(listed(&deployment).await.len(), 4);

    let all = deployment.delete(&path).await;
    assert_eq!(all.status, 200, "{}", all.text);
    assert_eq!(all.body["message"], "4 keys were deleted");
    assert!(listed(&deployment).await.is_empty());
    assert_eq!(deployment.delete(&path).await.body["message"], "0 keys were deleted");
}

#[tokio::test]
async fn every_key_that_comes_and_goes_is_a_system_event() {
    let deployment = Deployment::start().await;
    assert_eq!(create(&deployment, &[]).await.status, 200);
    assert_eq!(create(&deployment, &[]).await.status, 200);
    assert_eq!(deployment.delete(&keys_path(&deployment)).await.status, 200);
    // Number 10 is a key of the organization.
    let found = deployment.post("/systemevent", json!({ "context": 10 })).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let events: Vec<_> = found.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(events[..4], ["deleted", "deleted", "created", "created"], "{}", found.text);
    assert!(found.text.contains("BEGIN PUBLIC KEY") && !found.text.contains("PRIVATE"), "{}", found.text);
}
