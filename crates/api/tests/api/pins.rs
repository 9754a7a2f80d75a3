//! `pinnedTo` of buckets: in requests, in responses, and to which nodes it leads.

use http::Method;
use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::fixtures::{Ownership, TestContext};
use crate::private_node::PrivateNode;

/// The id of the node that the deployment comes with.
async fn first_node(deployment: &Deployment) -> String {
    deployment.get("/node").await.body["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn pinned_to(deployment: &Deployment, id: &str) -> Value {
    deployment.get(&format!("/bucket/{id}")).await.body["bucket"]["pinnedTo"].clone()
}

#[tokio::test]
async fn pins_are_returned_only_where_they_are_set_and_are_cleared_with_empty_lists() {
    let deployment = Deployment::start().await;
    let node = first_node(&deployment).await;
    let mut fields = deployment.bucket_fields("Pinned");
    fields["pinnedTo"] = json!({ "nodes": [node, node], "regions": ["EU-West-1", " eu-west-1 "] });
    let created = deployment.post("/bucket", fields).await;
    assert_eq!(created.status, 200, "{}", created.text);
    let id = created.body["bucketId"].as_str().unwrap();
    let expected = json!({ "nodes": [node], "regions": ["EU-West-1"] });
    assert_eq!(pinned_to(&deployment, id).await, expected);
    assert_eq!(deployment.get("/bucket").await.body["buckets"][0]["pinnedTo"], expected);
    let free = deployment.add_bucket("Free").await;
    assert_eq!(pinned_to(&deployment, &free).await, json!(null));

    let path = format!("/bucket/{id}");
    for unchanged in [json!({ "name": "Renamed" }), json!({ "pinnedTo": null })] {
        assert_eq!(deployment.put(&path, unchanged).await.status, 200);
        assert_eq!(pinned_to(&deployment, id).await, expected);
    }
    let regions = json!({ "pinnedTo": { "regions": ["eu"] } });
    assert_eq!(deployment.put(&path, regions).await.status, 200);
    assert_eq!(pinned_to(&deployment, id).await, json!({ "nodes": [], "regions": ["eu"] }));
    let cleared = deployment.put(&path, json!({ "pinnedTo": { "nodes": [], "regions": [] } })).await;
    assert_eq!(cleared.status, 200, "{}", cleared.text);
    assert_eq!(pinned_to(&deployment, id).await, json!(null));

    let records = deployment.get("/audit?action=UPDATED&limit=10").await.body;
    let text = records.to_string();
    assert!(text.contains("pinnedTo") && text.contains("EU-West-1"), "{text}");
}

#[tokio::test]
async fn a_node_that_the_organization_does_not_have_is_refused_with_what_to_do() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let foreign = PrivateNode::with_new_key(deployment, context.token("FOREIGN").unwrap(), "theirs").await;
    assert_eq!(foreign.register().await.status, 200);
    let theirs = deployment.ask_as(context.token("FOREIGN"), Method::GET, "/node", None).await.body;
    let theirs = theirs["data"].as_array().unwrap().iter().find(|node| node["ip"] == "theirs").unwrap();
    let id = context.fresh_bucket(Ownership::OwnWorkspace).await;
    let put = async |body: Value| {
        deployment.ask_as(context.token("OWNER"), Method::PUT, &format!("/bucket/{id}"), Some(body)).await
    };
    for node in [theirs["id"].as_str().unwrap(), "node-1", ""] {
        let refused = put(json!({ "pinnedTo": { "nodes": [node] } })).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_REQUEST"), "{}", refused.text);
        let field = &refused.body["fields"][0];
        assert_eq!(field["field"], "pinnedTo.nodes", "{}", refused.text);
        assert!(field["message"].as_str().unwrap().contains("GET /node"), "{}", refused.text);
    }
    for malformed in [json!("eu"), json!({ "nodes": "eu" }), json!({ "regions": [1] })] {
        let refused = put(json!({ "pinnedTo": malformed })).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    let misplaced = json!({ "name": "x", "pinnedTo": { "nodes": [], "regions": [] } });
    let token = context.token("OWNER");
    let repository = context.fresh_repository(Ownership::OwnWorkspace).await;
    let refused =
        deployment.ask_as(token, Method::PUT, &format!("/repo/{repository}"), Some(misplaced)).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[tokio::test]
async fn a_bucket_that_is_pinned_to_a_private_node_is_sent_to_no_other() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let node = PrivateNode::with_new_key(deployment, context.token("OWNER").unwrap(), "ours").await;
    assert_eq!(node.register().await.status, 200);
    let other = PrivateNode::with_new_key(deployment, context.token("OWNER").unwrap(), "other").await;
    assert_eq!(other.register().await.status, 200);
    let id = context.fresh_bucket(Ownership::OwnWorkspace).await;
    let nodes = deployment.ask_as(context.token("OWNER"), Method::GET, "/node", None).await.body;
    let ours = nodes["data"].as_array().unwrap().iter().find(|node| node["ip"] == "ours").unwrap();
    let body = json!({ "pinnedTo": { "nodes": [ours["id"]] } });
    let path = format!("/bucket/{id}");
    let pinned = deployment.ask_as(context.token("OWNER"), Method::PUT, &path, Some(body)).await;
    assert_eq!(pinned.status, 200, "{}", pinned.text);
    let synced = node.sync().await;
    assert_eq!(synced.body["buckets"][0]["id"], json!(id), "{}", synced.text);
    assert_eq!(synced.body["buckets"][0]["pinnedTo"]["nodes"], json!([ours["id"]]));
    assert_eq!(other.sync().await.body["buckets"], json!([]));
    assert_eq!(node.beat(&[(&id, "ONLINE")]).await.status, 200);
    assert_eq!(other.beat(&[(&id, "OFFLINE")]).await.status, 200);
    let status =
        deployment.ask_as(context.token("OWNER"), Method::GET, &format!("{path}/status"), None).await;
    let reports = status.body["nodeStatus"].as_array().unwrap();
    assert_eq!(reports.len(), 1, "{}", status.text);
    assert_eq!(reports[0]["status"], "ONLINE");
}
