//! The calls for operators.

use axum::body::Body;
use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use http::{Method, Request};
use serde_json::json;

use crate::deployment::Deployment;
use crate::snapshot::Redactions;

#[tokio::test]
async fn health_is_about_the_process_and_ready_about_its_work() {
    let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
    let mut deployment = Deployment::without_node(api, Settings::default()).await;
    let health = deployment.get("/health").await.body;
    assert_eq!((&health["success"], &health["version"]), (&json!(true), &json!(env!("CARGO_PKG_VERSION"))));
    assert!(health["time"].as_str().unwrap().ends_with('Z'), "{health}");
    let waiting = deployment.get("/ready").await;
    assert_eq!((waiting.status.as_u16(), &waiting.body["node"]), (503, &json!(false)));
    assert_eq!(waiting.body["message"], "no node is connected");
    deployment.start_node().await;
    let ready = deployment.get("/ready").await;
    assert_eq!(
        ready.body,
        json!({ "success": true, "message": "ready", "database": true, "writes": true, "migrations": true, "node": true })
    );
    deployment.state.closing().cancel();
    assert_eq!(deployment.get("/ready").await.status, 503);
}

#[tokio::test]
async fn browsers_are_sent_to_the_pages_and_programs_are_told_the_name() {
    let deployment = Deployment::start().await;
    let response = deployment.get("/").await;
    assert_eq!(
        response.body,
        json!({ "success": true, "name": "bucketry", "version": env!("CARGO_PKG_VERSION") })
    );
    let browser =
        Request::get("/").header("accept", "text/html,application/xhtml+xml;q=0.9").body(Body::empty());
    let sent = deployment.send(browser.unwrap()).await;
    assert_eq!((sent.status.as_u16(), &sent.headers["location"]), (303, &"/docs".parse().unwrap()));
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_tell_of_nodes() {
    let deployment = Deployment::start().await;
    let id = deployment.add_bucket("a").await;
    deployment.get(&format!("/bucket/{id}/status")).await;
    deployment.get("/made-up/path").await;
    let metrics = deployment.ask_as(None, Method::GET, "/metrics", None).await.text;
    for line in [
        "bucketry_http_requests_total{method=\"GET\",route=\"/bucket/{bucketId}/status\",status=\"200\"} 1",
        "bucketry_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} 1",
        "bucketry_http_requests_in_flight 1",
        "bucketry_node_connected{node=\"node-1\"} 1",
        "bucketry_node_buckets{node=\"node-1\",status=\"ONLINE\"} 2",
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains(&id) && !metrics.contains("made-up"));
}

#[tokio::test]
async fn nodes_are_listed_and_filtered_by_any_common_bit() {
    let deployment = Deployment::start().await;
    for (query, count) in [
        ("", 1),
        ("?nodeServices=undefined", 1),
        ("?nodeServices=0", 1),
        ("?nodeServices=3", 1),
        ("?nodeServices=2", 0),
    ] {
        let list = deployment.get(&format!("/node{query}")).await.body;
        assert_eq!(
            (&list["total"], list["data"].as_array().unwrap().len()),
            (&json!(count), count),
            "{query}"
        );
    }
    let mut node = deployment.get("/node").await.body["data"][0].clone();
    let recipient = node.as_object_mut().unwrap().remove("recipient").unwrap();
    assert!(recipient.as_str().unwrap().starts_with("age1"), "{recipient}");
    insta::assert_compact_json_snapshot!(Redactions::default().apply(&node), @r#"
    {
      "approval": "APPROVED",
      "id": "id 1",
      "ip": "node-1",
      "lastUpdated": "2026-03-01T12:00:00.000Z",
      "nodeServices": 1,
      "region": "eu",
      "rewrap": {
        "percent": 0,
        "state": "RUNNING"
      },
      "status": "ONLINE",
      "url": "https://node-1",
      "version": "1"
    }
    "#);
    assert_eq!(deployment.get("/node?nodeServices=x").await.status, 400);
}

#[tokio::test]
async fn a_rotation_is_started_and_told() {
    let deployment = Deployment::start().await;
    assert_eq!(deployment.get("/vault/rotation").await.body, json!({ "success": true, "rotation": null }));
    let started = deployment.ask(Method::POST, "/vault/rotation", None).await.body;
    assert_eq!(started["rotation"]["phase"], "NEW_IDENTITY");
    assert_eq!(deployment.get("/vault/rotation").await.body, started);
}
