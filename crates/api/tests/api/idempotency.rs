//! `Idempotency-Key`.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment, MISSING_BUCKET, PASSWORD};

async fn keyed(deployment: &Deployment, path: &str, key: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", format!("Bearer {}", deployment.owner))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()));
    deployment.send(request.unwrap()).await
}

#[tokio::test]
async fn the_same_key_and_body_are_answered_the_first_result_again() {
    let deployment = Deployment::start().await;
    let user = json!({ "email": "ada@example.com", "password": PASSWORD, "firstName": "A", "lastName": "L" });
    for (path, body) in [
        ("/bucket", deployment.bucket_fields("a")),
        ("/workspace", json!({ "name": "w" })),
        ("/organization/users", user),
    ] {
        let first = keyed(&deployment, path, "key-1", &body).await;
        assert!(first.status.is_success(), "{path}: {}", first.text);
        let again = keyed(&deployment, path, "key-1", &body).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
        let mut other = body.clone();
        other["name"] = "another".into();
        let refused = keyed(&deployment, path, "key-1", &other).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "IDEMPOTENCY_KEY_REUSED"), "{path}");
    }
    assert_eq!(deployment.get("/bucket").await.body["buckets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_is_not_told_a_second_time() {
    let deployment = Deployment::start().await;
    let body = json!({ "name": "nightly" });
    let first = keyed(&deployment, "/token", "key-1", &body).await;
    assert!(first.body["token"].is_string());
    let again = keyed(&deployment, "/token", "key-1", &body).await;
    assert_eq!((again.status, &again.body["id"]), (first.status, &first.body["id"]));
    assert!(again.body.get("token").is_none());
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let deployment = Deployment::start().await;
    let mut body = deployment.bucket_fields("a");
    body["bucket"] = MISSING_BUCKET.into();
    assert_eq!(keyed(&deployment, "/bucket", "key-1", &body).await.code(), "VALIDATION_FAILED");
    let done = keyed(&deployment, "/bucket", "key-1", &deployment.bucket_fields("a")).await;
    assert_eq!(done.status, 200, "nothing was created under the key: {}", done.text);
}

#[tokio::test]
async fn two_at_once_create_one() {
    let deployment = Deployment::start().await;
    let body = deployment.bucket_fields("a");
    let (first, second) = tokio::join!(
        keyed(&deployment, "/bucket", "key-1", &body),
        keyed(&deployment, "/bucket", "key-1", &body)
    );
    for answer in [&first, &second] {
        assert!(answer.status == 200 || answer.code() == "IDEMPOTENCY_KEY_IN_PROGRESS", "{}", answer.text);
    }
    assert_eq!(deployment.get("/bucket").await.body["buckets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn odd_keys_are_refused() {
    let deployment = Deployment::start().await;
    for key in ["with space", &"x".repeat(256)] {
        let refused = keyed(&deployment, "/workspace", key, &json!({ "name": "w" })).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["Idempotency-Key"]));
    }
}

#[tokio::test]
async fn a_keys_secret_is_not_told_a_second_time_and_each_repository_has_its_own_requests() {
    let deployment = Deployment::start().await;
    let mut repositories = Vec::new();
    for name in ["a", "b"] {
        repositories.push(deployment.add_repository(name, json!([])).await);
    }
    let body = json!({ "name": "job", "accessType": "READ" });
    let path = format!("/repo/{}/apikey", repositories[0]);
    let first = keyed(&deployment, &path, "key-1", &body).await;
    assert!(first.body["secret"].is_string(), "{}", first.text);
    let again = keyed(&deployment, &path, "key-1", &body).await;
    assert_eq!((again.status, &again.body["key"]), (first.status, &first.body["key"]));
    assert!(again.body.get("secret").is_none());
    let other = keyed(&deployment, &format!("/repo/{}/apikey", repositories[1]), "key-1", &body).await;
    assert_eq!((other.status.as_u16(), other.code()), (409, "IDEMPOTENCY_KEY_REUSED"));
}
