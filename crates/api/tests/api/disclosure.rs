//! Callers learn nothing about resources that they may not see: not from an error that names one, not from an error
//! that differs from that for a missing resource, and not from a response that was meant for someone else.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::deployment::Answer;
use crate::fixtures::{Ownership, TestContext};

/// Names that must not appear in any response to callers without access.
const HIDDEN: [&str; 2] = ["hidden-bucket", "hidden-media"];

/// A bucket and a repository that contains it, in a workspace that members of the first workspace can't enter.
async fn hide(context: &TestContext) -> (String, String) {
    let workspace = context.workspace(Ownership::OtherWorkspace);
    let mut fields = context.deployment.bucket_fields(HIDDEN[0]);
    fields["skipValidation"] = true.into();
    fields["workspaceId"] = json!(workspace);
    let made = context.deployment.post("/bucket", fields).await;
    let bucket = made.body["bucketId"].as_str().unwrap().to_owned();
    let fields = json!({
        "name": HIDDEN[1], "storageType": "S3", "mode": "NORMAL", "workspaceId": workspace,
        "repoBuckets": [{ "bucketId": bucket, "folder": "" }],
    });
    let made = context.deployment.post("/repo", fields).await;
    (bucket, made.body["repoId"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn refusals_to_callers_without_rights_say_nothing_of_names() {
    let context = TestContext::make().await;
    let (bucket, repository) = hide(&context).await;
    let own = context.workspace(Ownership::OwnWorkspace).to_string();
    let other = context.workspace(Ownership::OtherWorkspace).to_string();
    let ownership = json!([{ "bucketId": bucket, "folder": "" }]);
    let media = |workspace: &str| {
        json!({
            "name": HIDDEN[1], "storageType": "S3", "mode": "NORMAL", "workspaceId": workspace, "repoBuckets": [],
        })
    };
    let photos = |workspace: &str| {
        json!({
            "name": HIDDEN[0], "bucket": "photos", "storageType": "S3", "key": "k", "secret": "s",
            "endpoint": "https://s3.example.com", "workspaceId": workspace,
        })
    };
    let requests: Vec<(Method, String, Option<Value>)> = vec![
        (Method::POST, "/repo/validate".into(), Some(json!({ "name": HIDDEN[1], "mode": "NORMAL" }))),
        (
            Method::POST,
            "/repo/validate".into(),
            Some(json!({ "name": HIDDEN[1], "mode": "NORMAL", "workspaceId": other })),
        ),
        (
            Method::POST,
            "/repo/validate".into(),
            Some(json!({ "name": HIDDEN[1], "mode": "NORMAL", "repoBuckets": ownership })),
        ),
        (Method::POST, "/repo".into(), Some(media(&own))),
        (Method::POST, "/repo".into(), Some(media(&other))),
        (Method::POST, "/bucket".into(), Some(photos(&own))),
        (Method::POST, "/bucket".into(), Some(photos(&other))),
        (Method::PUT, format!("/bucket/{bucket}"), Some(json!({ "workspaceId": own }))),
        (Method::PUT, format!("/bucket/{bucket}"), Some(json!({ "bucket": "x" }))),
        (Method::POST, format!("/bucket/{bucket}/validate"), Some(json!({ "bucket": "x" }))),
        (Method::DELETE, format!("/bucket/{bucket}"), None),
        (Method::PUT, format!("/repo/{repository}"), Some(json!({ "name": HIDDEN[0] }))),
        (Method::POST, format!("/repo/{repository}/validate"), Some(json!({ "repoBuckets": [] }))),
        (Method::DELETE, format!("/repo/{repository}"), None),
        (Method::GET, format!("/repo?repoId={repository}"), None),
        (Method::GET, format!("/repo/{repository}/apikey"), None),
        (Method::DELETE, format!("/workspace/{other}"), None),
        (
            Method::POST,
            "/organization/users".into(),
            Some(json!({
                "email": "foreign@example.org", "password": "Correct1Horse", "firstName": "A", "lastName": "B",
            })),
        ),
    ];
    for role in ["USER", "READ", "BILLING"] {
        for (method, path, body) in &requests {
            let token = context.token(role);
            let answer = context.deployment.ask_as(token, method.clone(), path, body.clone()).await;
            let response = (answer.status.as_u16(), answer.code());
            assert_eq!(response, (403, "FORBIDDEN"), "{role}: {method} {path}: {}", answer.text);
            let named = HIDDEN.iter().any(|name| answer.text.contains(name));
            assert!(!named, "{role}: {method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn who_may_write_somewhere_may_ask_whether_a_name_is_free() {
    let context = TestContext::make().await;
    hide(&context).await;
    let proposal = json!({ "name": HIDDEN[1], "mode": "NORMAL" });
    let ask = async |role| {
        let token = context.token(role);
        context.deployment.ask_as(token, Method::POST, "/repo/validate", Some(proposal.clone())).await
    };
    // Names are unique in the organization, so creating a repository would reveal the same.
    assert_eq!(ask("WRITE").await.code(), "NAME_ALREADY_USED");
    assert_eq!(ask("READ").await.code(), "FORBIDDEN");
    assert_eq!(ask("FOREIGN").await.status, 200, "another organization's names are its own");
}

#[tokio::test]
async fn a_bucket_of_another_workspace_is_refused_as_one_that_is_not_there() {
    let context = TestContext::make().await;
    let (bucket, _) = hide(&context).await;
    let own = context.workspace(Ownership::OwnWorkspace);
    let mut response = Vec::new();
    for id in [bucket.as_str(), "00000000-0000-7000-8000-000000000009"] {
        let body = json!({
            "name": "mine", "storageType": "S3", "mode": "NORMAL", "workspaceId": own,
            "repoBuckets": [{ "bucketId": id, "folder": "" }],
        });
        let answer =
            context.deployment.ask_as(context.token("WRITE"), Method::POST, "/repo", Some(body)).await;
        response.push((answer.status, answer.text.replace(id, "ID")));
    }
    assert_eq!(response[0], response[1]);
    assert_eq!(response[0].0, 404);
}

async fn keyed(context: &TestContext, token: Option<&str>, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", format!("Bearer {}", token.unwrap()))
        .header("content-type", "application/json")
        .header("idempotency-key", "key-1")
        .body(Body::from(body.to_string()));
    context.deployment.send(request.unwrap()).await
}

#[tokio::test]
async fn a_result_is_not_repeated_to_who_has_lost_the_right_to_the_call() {
    let context = TestContext::make().await;
    let own = context.workspace(Ownership::OwnWorkspace).to_string();
    let repository = context.fresh_repository(Ownership::OwnWorkspace).await;
    let mut bucket = context.deployment.bucket_fields("mine");
    bucket["skipValidation"] = true.into();
    let repo = json!({
        "name": "mine", "storageType": "S3", "mode": "NORMAL", "workspaceId": own, "repoBuckets": [],
    });
    let requests = [
        ("/bucket".to_owned(), bucket),
        ("/repo".to_owned(), repo),
        (format!("/repo/{repository}/apikey"), json!({ "name": "k", "accessType": "READ" })),
        ("/token".to_owned(), json!({ "name": "t", "workspaceId": own, "role": "WRITE" })),
    ];
    let token = context.token("WRITE");
    for (path, body) in &requests {
        let first = keyed(&context, token, path, body).await;
        assert!(first.status.is_success(), "{path}: {}", first.text);
        let again = keyed(&context, token, path, body).await;
        assert_eq!(again.status, first.status, "{path}: {}", again.text);
    }
    let member = context.member("WRITE");
    let demotion =
        context.deployment.put(&format!("/workspace/{own}/users/{member}"), json!({ "role": "READ" })).await;
    assert_eq!(demotion.status, 200, "{}", demotion.text);
    for (path, body) in &requests {
        let refused = keyed(&context, token, path, body).await;
        let response = (refused.status.as_u16(), refused.code());
        assert_eq!(response, (403, "FORBIDDEN"), "{path}: {}", refused.text);
    }

    // The same for calls that need a role in the organization.
    let (id, manager) = context.deployment.add_user("manager@example.com", 2).await;
    let user = json!({
        "email": "new@example.com", "password": "Correct1Horse", "firstName": "A", "lastName": "B",
    });
    let requests = [("/workspace", json!({ "name": "w" })), ("/organization/users", user)];
    for (path, body) in &requests {
        let first = keyed(&context, Some(&manager), path, body).await;
        assert_eq!(first.status, 201, "{path}: {}", first.text);
    }
    let demotion = context.deployment.put(&format!("/user/{id}/role"), json!({ "orgRole": 0 })).await;
    assert_eq!(demotion.status, 200, "{}", demotion.text);
    for (path, body) in &requests {
        let refused = keyed(&context, Some(&manager), path, body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, "FORBIDDEN"), "{path}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_key_of_one_token_is_not_a_key_of_another_token_of_the_same_user() {
    let context = TestContext::make().await;
    let own = context.workspace(Ownership::OwnWorkspace).to_string();
    let body = json!({
        "name": "mine", "storageType": "S3", "mode": "NORMAL", "workspaceId": own, "repoBuckets": [],
    });
    let session = context.token("WRITE");
    let first = keyed(&context, session, "/repo", &body).await;
    assert_eq!(first.status, 200, "{}", first.text);
    for (role, response) in [("READ", "FORBIDDEN"), ("WRITE", "NAME_ALREADY_USED")] {
        let limits = json!({ "name": role, "workspaceId": own, "role": role });
        let made = context.deployment.ask_as(session, Method::POST, "/token", Some(limits)).await;
        let token = made.body["token"].as_str();
        let other = keyed(&context, token, "/repo", &body).await;
        assert_eq!(other.code(), response, "{}", other.text);
    }
    let again = keyed(&context, session, "/repo", &body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
}
