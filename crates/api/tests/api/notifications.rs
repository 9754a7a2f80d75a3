//! Notification channels and silences over HTTP.

use http::Method;
use serde_json::{Value, json};

use crate::deployment::Deployment;

const URL: &str = "https://hooks.example.com/services/very-secret-path";
const KEY: &str = "a very secret key for signatures";

fn webhook() -> Value {
    json!({ "name": "Pager", "kind": "webhook", "url": URL, "secret": KEY })
}

#[tokio::test]
async fn urls_and_secrets_of_channels_appear_nowhere() {
    let deployment = Deployment::start().await;
    let made = deployment.post("/notification/channel", webhook()).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let channel = &made.body["channel"];
    assert_eq!(
        (&channel["origin"], &channel["hasSecret"]),
        (&json!("https://hooks.example.com"), &json!(true))
    );
    let path = format!("/notification/channel/{}", channel["id"].as_str().unwrap());
    let changed = deployment.ask(Method::PUT, &path, Some(json!({ "url": URL, "secret": KEY }))).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let refused = deployment.ask(Method::PUT, &path, Some(json!({ "url": URL }))).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["secret"]));
    let listed = deployment.get("/notification/channel").await;
    let audit = deployment.get("/audit?kind=channel").await;
    assert_eq!(audit.body["records"].as_array().unwrap().len(), 3, "{}", audit.text);
    assert!(audit.text.contains("*** (new)"), "{}", audit.text);
    for answer in [made, changed, refused, listed, audit] {
        assert!(!answer.text.contains("very-secret"), "{}", answer.text);
        assert!(!answer.text.contains("very secret"), "{}", answer.text);
    }
}

#[tokio::test]
async fn channels_are_created_listed_in_pages_changed_and_deleted() {
    let deployment = Deployment::start().await;
    let mail = json!({
        "name": "Mail", "kind": "EMAIL", "host": "mail.example.com", "from": "a@example.com",
        "to": ["b@example.com"], "workspaceId": deployment.first.workspace_id,
        "rules": [{ "code": "BUCKET_OFFLINE", "afterMinutes": 10 }], "sendResolved": false,
    });
    for body in [webhook(), mail] {
        let made = deployment.post("/notification/channel", body).await;
        assert_eq!(made.status, 200, "{}", made.text);
        deployment.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    let first = deployment.get("/notification/channel?limit=1").await.body;
    let mail = &first["channels"][0];
    assert_eq!((&mail["port"], &mail["security"]), (&json!(587), &json!("STARTTLS")));
    assert_eq!((&mail["usualRules"], &mail["rules"][0]["afterMinutes"]), (&json!(false), &json!(10)));
    let next = first["nextCursor"].as_str().unwrap();
    let second = deployment.get(&format!("/notification/channel?limit=1&cursor={next}")).await.body;
    assert_eq!((&second["channels"][0]["name"], &second["nextCursor"]), (&json!("Pager"), &Value::Null));
    assert!(second["channels"][0]["rules"].as_array().unwrap().len() > 5, "the usual rules");
    let of_workspace =
        deployment.get(&format!("/notification/channel?workspaceId={}", deployment.first.workspace_id)).await;
    assert_eq!(of_workspace.body["channels"].as_array().unwrap().len(), 1);

    let path = format!("/notification/channel/{}", mail["id"].as_str().unwrap());
    let changed = deployment.ask(Method::PUT, &path, Some(json!({ "enabled": false, "rules": [] }))).await;
    let channel = &changed.body["channel"];
    assert_eq!(
        (&channel["enabled"], &channel["usualRules"]),
        (&json!(false), &json!(true)),
        "{}",
        changed.text
    );
    let tested = deployment.ask(Method::POST, &format!("{path}/test"), None).await;
    assert_eq!(tested.code(), "CHANNEL_DISABLED", "{}", tested.text);
    let kind = deployment.ask(Method::PUT, &path, Some(json!({ "kind": "SLACK" }))).await;
    assert_eq!(kind.fields(), ["kind"]);
    assert_eq!(deployment.ask(Method::DELETE, &path, None).await.status, 200);
    assert_eq!(deployment.ask(Method::DELETE, &path, None).await.status, 404);
}

#[tokio::test]
async fn a_repeated_creation_makes_one_channel() {
    let deployment = Deployment::start().await;
    let create = async || {
        let request = http::Request::builder()
            .method(Method::POST)
            .uri("/notification/channel")
            .header("authorization", format!("Bearer {}", deployment.owner))
            .header("content-type", "application/json")
            .header("idempotency-key", "once")
            .body(axum::body::Body::from(webhook().to_string()))
            .unwrap();
        deployment.send(request).await
    };
    let (first, again) = (create().await, create().await);
    assert_eq!(first.text, again.text);
    let listed = deployment.get("/notification/channel").await;
    assert_eq!(listed.body["channels"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn silences_end_and_are_about_the_workspace_of_their_bucket() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    let body = json!({
        "bucketId": bucket, "code": "bucket-offline", "endsAt": "2026-03-01T12:30:00Z",
        "window": "01:00-05:00", "comment": "maintenance",
    });
    let made = deployment.post("/notification/silence", body).await;
    let silence = &made.body["silence"];
    assert_eq!(silence["workspaceId"], json!(deployment.first.workspace_id), "{}", made.text);
    assert_eq!((&silence["code"], &silence["window"]), (&json!("BUCKET_OFFLINE"), &json!("01:00-05:00")));
    for (body, field) in [
        (json!({}), "endsAt"),
        (json!({ "endsAt": "2026-03-01T11:00:00Z" }), "endsAt"),
        (json!({ "endsAt": "2030-03-01T11:00:00Z" }), "endsAt"),
        (json!({ "endsAt": "tomorrow" }), "endsAt"),
        (json!({ "endsAt": "2026-03-01T12:30:00Z", "window": "night" }), "window"),
        (json!({ "endsAt": "2026-03-01T12:30:00Z", "code": "NO_SUCH" }), "code"),
    ] {
        let refused = deployment.post("/notification/silence", body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{body}");
    }
    let list = async || deployment.get("/notification/silence").await.body["silences"].clone();
    assert_eq!(list().await.as_array().unwrap().len(), 1);
    let path = format!("/notification/silence/{}", silence["id"].as_str().unwrap());
    assert_eq!(deployment.ask(Method::DELETE, &path, None).await.status, 200);
    assert_eq!(list().await, json!([]));
    let again = deployment.post("/notification/silence", json!({ "endsAt": "2026-03-01T12:30:00Z" })).await;
    assert_eq!(again.status, 200, "{}", again.text);
    deployment.clock.advance(jiff::SignedDuration::from_mins(40));
    assert_eq!(list().await, json!([]), "it has ended");
}
