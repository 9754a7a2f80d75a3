//! Lists: pages, whole lists, and cached responses that are never stale.

use axum::body::Body;
use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::bucket::{BucketLocation, StorageType};
use bucketry_model::id::BucketId;
use bucketry_model::name::Name;
use bucketry_model::time::Clock as _;
use bucketry_store::bucket::NewBucket;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::deployment::Deployment;

/// Stores buckets with names of the greatest length directly.
async fn fill(deployment: &Deployment, count: u16) {
    let now = deployment.clock.now();
    for number in 0..count {
        let [high, low] = number.to_be_bytes();
        let new = NewBucket {
            id: BucketId::new(now, [high, low, 0, 0, 0, 0, 0, 0, 0, 0]),
            org_id: deployment.first.org_id,
            workspace_id: deployment.first.workspace_id,
            name: Name::parse(&format!("{number:0>255}")).unwrap(),
            location: BucketLocation {
                storage_type: StorageType::S3,
                bucket: "b".repeat(255),
                key: Some("AKIA".into()),
                endpoint: None,
                region: None,
            },
            secret: None,
            secret_expires_at: None,
            first_report: None,
            pinned_to: bucketry_model::pinning::BucketPins::default(),
        };
        deployment
            .control
            .store()
            .insert_bucket(
                &new,
                &AuditEntry::new(now, AuditActor::System, AuditKind::Bucket, AuditAction::Created),
            )
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn pages_hold_every_bucket_once_newest_first() {
    let deployment = Deployment::start().await;
    fill(&deployment, 25).await;
    for (path, key) in [("/bucket", "buckets"), ("/bucket/stats", "stats")] {
        let whole = deployment.get(path).await.body;
        assert!(whole.get("nextCursor").is_none());
        let mut pages = Vec::new();
        let mut next = format!("{path}?limit=10");
        loop {
            let page = deployment.get(&next).await.body;
            pages.extend(page[key].as_array().unwrap().clone());
            match &page["nextCursor"] {
                Value::String(cursor) => next = format!("{path}?limit=10&cursor={cursor}"),
                Value::Null => break,
                other => panic!("{other}"),
            }
        }
        assert_eq!(Value::Array(pages), whole[key]);
    }
}

#[tokio::test]
async fn the_bare_array_tells_its_next_page_in_a_header() {
    let deployment = Deployment::start().await;
    fill(&deployment, 3).await;
    let first = deployment.get("/bucket/available?limit=2").await;
    let cursor = first.headers["x-next-cursor"].to_str().unwrap();
    let second = deployment.get(&format!("/bucket/available?limit=2&cursor={cursor}")).await;
    assert_eq!(second.body.as_array().unwrap().len(), 1);
    assert!(!second.headers.contains_key("x-next-cursor"));
}

#[tokio::test]
async fn wrong_limits_and_cursors_are_refused() {
    let deployment = Deployment::start().await;
    for path in [
        "/bucket",
        "/bucket/available",
        "/bucket/stats",
        "/unit/stats",
        "/workspace",
        "/organization/users",
        "/token",
        "/node",
    ] {
        for (query, field) in
            [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("cursor=x", "cursor")]
        {
            let refused = deployment.get(&format!("{path}?{query}")).await;
            assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{path}?{query}");
        }
        let answer = deployment.get(&format!("{path}?limit=&cursor=undefined&limit=null")).await;
        assert_eq!(answer.status, 200, "{path}");
        let page = deployment.get(&format!("{path}?limit=1000")).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.body.is_array() || page.body["nextCursor"].is_null(), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn an_answer_that_is_kept_changes_as_soon_as_the_truth_does() {
    let deployment = Deployment::start().await;
    let names = |body: &Value| -> Vec<String> {
        let buckets = body["buckets"].as_array().unwrap();
        buckets.iter().map(|bucket| bucket["name"].as_str().unwrap().to_owned()).collect()
    };
    let id = deployment.add_bucket("a").await;
    for _ in 0..3 {
        assert_eq!(names(&deployment.get("/bucket").await.body), ["a"]);
    }
    deployment.put(&format!("/bucket/{id}"), json!({ "name": "b" })).await;
    assert_eq!(names(&deployment.get("/bucket").await.body), ["b"]);
    deployment.delete(&format!("/bucket/{id}")).await;
    assert!(names(&deployment.get("/bucket").await.body).is_empty());
}

#[tokio::test]
async fn a_kept_answer_is_not_shown_to_who_may_not_see_it() {
    let deployment = Deployment::start().await;
    deployment.add_bucket("a").await;
    deployment.get("/bucket").await;
    let (_, outsider) = deployment.add_user("outsider@example.com", 0).await;
    let seen = deployment.ask_as(Some(&outsider), Method::GET, "/bucket", None).await;
    assert_eq!(seen.body["buckets"], json!([]));
}

#[tokio::test]
async fn a_long_list_is_streamed_whole() {
    let deployment = Deployment::start().await;
    fill(&deployment, 1_600).await;
    let request = Request::builder()
        .uri("/bucket")
        .header("authorization", format!("Bearer {}", deployment.owner))
        .body(Body::empty())
        .unwrap();
    let response = deployment.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    let mut body = response.into_body();
    let (mut all, mut pieces) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        all.extend_from_slice(&frame.unwrap().into_data().unwrap());
        pieces += 1;
    }
    assert!(pieces > 1, "a list of more than a megabyte is sent in pieces");
    let list: Value = serde_json::from_slice(&all).unwrap();
    assert_eq!(list["buckets"].as_array().unwrap().len(), 1_600);
}
