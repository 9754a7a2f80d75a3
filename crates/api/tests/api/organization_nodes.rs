//! Nodes of an organization: what they get, what they may report, and when their messages are refused.

use bucketry_model::secret::SealedSecret;
use bucketry_model::time::Clock as _;
use bucketry_vault::{SecretContext, open};
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::deployment::Answer;
use crate::fixtures::{Ownership, TestContext};
use crate::private_node::PrivateNode;

fn assert_refused(answer: &Answer, why: &str) {
    let refusal = (answer.status.as_u16(), answer.code());
    assert_eq!(refusal, (400, "INVALID_NODE_MESSAGE"), "{}", answer.text);
    assert!(answer.text.contains(why), "{why}: {}", answer.text);
}

async fn node_of<'d>(context: &'d TestContext, role: &str, name: &str) -> PrivateNode<'d> {
    let token = context.token(role).unwrap();
    let node = PrivateNode::with_new_key(&context.deployment, token, name).await;
    let registered = node.register().await;
    assert_eq!(registered.status, 200, "{}", registered.text);
    node
}

#[tokio::test]
async fn a_node_of_an_organization_gets_what_the_organization_has_and_no_other_secret() {
    let context = TestContext::make().await;
    let node = node_of(&context, "FOREIGN", "theirs.example.com").await;
    let own = context.fresh_bucket(Ownership::OtherOrganization).await;
    let (repository, _) = context.fresh_key(Ownership::OtherOrganization).await;
    let foreign = context.fresh_bucket(Ownership::OwnWorkspace).await;
    context.fresh_key(Ownership::OwnWorkspace).await;

    let synced = node.sync().await;
    assert_eq!(synced.status, 200, "{}", synced.text);
    let buckets = synced.body["buckets"].as_array().unwrap();
    let ids: Vec<_> = buckets.iter().map(|bucket| bucket["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [own.as_str()]);
    let repositories = synced.body["repositories"].as_array().unwrap();
    assert_eq!(repositories.len(), 1, "{}", synced.text);
    assert_eq!(repositories[0]["id"], json!(repository));

    let control = &context.deployment.control;
    let org = context.organization(Ownership::OtherOrganization).await;
    let id = own.parse().unwrap();
    let sealed = SealedSecret::from_text(buckets[0]["secret"].as_str().unwrap().to_owned());
    let plain = open(&sealed, &SecretContext::of_bucket(org, id), &node.identities).unwrap();
    assert_eq!(plain.expose(), "s");
    let org = context.organization(Ownership::OwnWorkspace).await;
    let id = foreign.parse().unwrap();
    let stored = control.store().bucket(org, id).await.unwrap().unwrap();
    let refused = open(&stored.secret.unwrap(), &SecretContext::of_bucket(org, id), &node.identities);
    assert!(refused.is_err(), "no secret of another organization is sealed to the node");
}

#[tokio::test]
async fn a_node_is_listed_in_its_organization_only_with_the_key_that_it_used() {
    let context = TestContext::make().await;
    node_of(&context, "FOREIGN", "theirs.example.com").await;
    let names = async |role: &str| {
        let nodes = context.deployment.ask_as(context.token(role), Method::GET, "/node", None).await;
        let nodes = nodes.body["data"].as_array().unwrap().clone();
        nodes.iter().map(|node| node["ip"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("OWNER").await, ["node-1"]);
    assert_eq!(names("FOREIGN").await, ["node-1", "theirs.example.com"]);
    let org = context.organization(Ownership::OtherOrganization).await;
    let path = format!("/organization/{org}/key");
    let keys = context.deployment.ask_as(context.token("FOREIGN"), Method::GET, &path, None).await;
    let key = &keys.body["data"][0];
    assert_eq!(key["nodeKeys"][0]["keyId"], key["id"], "{}", keys.text);
    assert!(key["nodeKeys"][0]["nodeId"].is_string(), "{}", keys.text);
}

#[tokio::test]
async fn reports_on_buckets_of_another_organization_change_nothing() {
    let context = TestContext::make().await;
    let node = node_of(&context, "FOREIGN", "theirs.example.com").await;
    let own = context.fresh_bucket(Ownership::OtherOrganization).await;
    let foreign = context.fresh_bucket(Ownership::OwnWorkspace).await;
    context.deployment.clock.advance(SignedDuration::from_secs(1));
    let beat = node.beat(&[(&foreign, "ONLINE"), (&own, "ONLINE")]).await;
    assert_eq!(beat.status, 200, "{}", beat.text);
    let status = async |role: &str, bucket: &str| {
        let path = format!("/bucket/{bucket}");
        let read = context.deployment.ask_as(context.token(role), Method::GET, &path, None).await;
        assert_eq!(read.status, 200, "{}", read.text);
        read.text
    };
    assert!(status("FOREIGN", &own).await.contains("\"ONLINE\""));
    assert!(!status("OWNER", &foreign).await.contains("\"ONLINE\""));

    let row = |bucket: &str| {
        json!({
            "minute": context.deployment.clock.now().as_second() / 60 * 60, "bucketId": bucket, "requests": 3,
            "errors": 0, "uploadBytes": 5, "downloadBytes": 7, "sizeChange": 0, "latencySumMs": 9,
        })
    };
    let usage = json!({ "spool": "s", "number": 1, "rows": [row(&foreign), row(&own)] });
    let report = node.post("/node/report", json!({ "usage": usage })).await;
    assert_eq!(report.status, 200, "{}", report.text);
    let counted = async |role: &str, bucket: &str| {
        let path = format!("/bucket/stats?bucketId={bucket}");
        let stats = context.deployment.ask_as(context.token(role), Method::GET, &path, None).await;
        stats.body["stats"][0]["totalCount"].clone()
    };
    assert_eq!(counted("FOREIGN", &own).await, "3");
    assert_eq!(counted("OWNER", &foreign).await, "0");
}

#[tokio::test]
async fn reports_on_keys_and_inventories_of_another_organization_change_nothing() {
    let context = TestContext::make().await;
    let node = node_of(&context, "FOREIGN", "theirs.example.com").await;
    let theirs = context.fresh_key(Ownership::OtherOrganization).await;
    let ours = context.fresh_key(Ownership::OwnWorkspace).await;
    let at = context.deployment.clock.now().to_string();
    let used = |(_, key): &(String, String)| json!({ "keyId": key, "at": at });
    let refused = |(_, key): &(String, String)| json!({ "keyId": key, "code": "SignatureDoesNotMatch", "count": 3, "at": at });
    let report = json!({
        "keyUses": [used(&ours), used(&theirs)], "keyRefusals": [refused(&ours), refused(&theirs)],
    });
    let report = node.post("/node/report", report).await;
    assert_eq!(report.status, 200, "{}", report.text);
    let read = async |role: &str, path: &str| {
        let answer = context.deployment.ask_as(context.token(role), Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    for (role, (repository, _), is_own) in [("FOREIGN", &theirs, true), ("OWNER", &ours, false)] {
        let keys = read(role, &format!("/repo/{repository}/apikey")).await;
        assert_eq!(keys["keys"][0]["lastUsedAt"].is_string(), is_own, "{keys}");
        let records = read(role, "/audit?limit=1000").await;
        assert_eq!(records.to_string().contains("SignatureDoesNotMatch"), is_own, "{records}");
    }

    let bucket = context.fresh_bucket(Ownership::OwnWorkspace).await;
    let path = format!("/bucket/{bucket}/inventory");
    let started = context.deployment.ask_as(context.token("OWNER"), Method::POST, &path, None).await;
    assert_eq!(started.status, 200, "{}", started.text);
    let given = node.post("/node/inventory", json!({ "walks": [], "free": 8 })).await;
    assert_eq!(given.status, 200, "{}", given.text);
    assert!(!given.text.contains(&bucket), "{}", given.text);
    let walk = json!({ "bucketId": bucket, "startedAt": at, "state": "{}", "end": { "kind": "finished" } });
    let forged = node.post("/node/inventory", json!({ "walks": [walk], "free": 0 })).await;
    assert_eq!(forged.body["stop"], json!([bucket]), "{}", forged.text);
    let inventory = read("OWNER", &path).await;
    assert_eq!(inventory["results"], json!([]), "{inventory}");
}

#[tokio::test]
async fn a_node_whose_clock_is_an_hour_off_is_refused_until_it_is_right() {
    let context = TestContext::make().await;
    let mut node = node_of(&context, "OWNER", "ours.example.com").await;
    assert_eq!(node.beat(&[]).await.status, 200);
    for hours in [-1, 1] {
        node.clock_ahead = SignedDuration::from_hours(hours);
        let nothing = json!({ "walks": [], "free": 8 });
        for answer in [
            node.register().await,
            node.beat(&[]).await,
            node.sync().await,
            node.post("/node/report", json!({})).await,
            node.post("/node/inventory", nothing).await,
            node.post("/unregister", json!({})).await,
        ] {
            assert_refused(&answer, "check the clocks of the node and the control plane");
        }
    }
    let status = async || {
        let nodes = context.deployment.get("/node").await;
        let nodes = nodes.body["data"].as_array().unwrap().clone();
        nodes.iter().find(|node| node["ip"] == "ours.example.com").unwrap()["status"].clone()
    };
    assert_eq!(status().await, "ONLINE", "nobody could remove it");
    context.deployment.clock.advance(SignedDuration::from_secs(61));
    assert_eq!(status().await, "DISCONNECTED");
    for minutes in [-4, 4] {
        node.clock_ahead = SignedDuration::from_mins(minutes);
        assert_eq!(
            node.beat(&[]).await.status,
            200,
            "a clock that is less than five minutes off is right enough"
        );
    }
    assert_eq!(status().await, "ONLINE");
}

#[tokio::test]
async fn messages_of_a_deleted_key_are_refused_until_the_node_registers_with_another() {
    let context = TestContext::make().await;
    let mut node = node_of(&context, "OWNER", "ours.example.com").await;
    assert_eq!(node.beat(&[]).await.status, 200);
    let org = context.organization(Ownership::OwnWorkspace).await;
    let keys = format!("/organization/{org}/key");
    assert_eq!(context.deployment.delete(&keys).await.status, 200);
    for answer in [node.beat(&[]).await, node.sync().await, node.register().await] {
        assert_refused(&answer, "signature");
    }
    let listed = context.deployment.get("/node").await;
    assert!(!listed.text.contains("ours.example.com"), "{}", listed.text);

    node =
        PrivateNode::with_new_key(&context.deployment, &context.deployment.owner, "ours.example.com").await;
    assert_eq!(node.beat(&[]).await.status, 404, "it must register again");
    assert_eq!(node.register().await.status, 200);
    assert_eq!(node.beat(&[]).await.status, 200);
}

#[tokio::test]
async fn a_replayed_registration_and_a_foreign_or_taken_name_are_refused() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let node = node_of(&context, "OWNER", "ours.example.com").await;
    let send = async |path: &str, message: &Value| {
        deployment.ask_as(None, Method::POST, path, Some(message.clone())).await
    };
    let message = node.signed("/register", node.registration());
    assert_eq!(send("/register", &message).await.status, 200);
    assert_refused(&send("/register", &message).await, "already received");
    assert_refused(&send("/unregister", &message).await, "signature");
    deployment.clock.advance(SignedDuration::from_secs(301));
    assert_refused(&send("/register", &message).await, "clock");

    let theirs = node_of(&context, "FOREIGN", "theirs.example.com").await;
    for taken in ["ours.example.com", "node-1"] {
        let mut message = theirs.registration();
        message["ip"] = taken.into();
        let refused = theirs.post("/register", message).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "NODE_NAME_TAKEN"), "{}", refused.text);
        let gone = theirs.post("/unregister", json!({ "ip": taken })).await;
        assert_eq!(
            gone.status, 404,
            "a node can't be removed with another organization's key: {}",
            gone.text
        );
    }
    let mut message = theirs.registration();
    message["id_org"] = json!(context.organization(Ownership::OwnWorkspace).await);
    assert_refused(&theirs.post("/register", message).await, "signature");
    let mut message = theirs.registration();
    message["id_org"] = json!("x");
    let refused = theirs.post("/register", message).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["id_org"]), "{}", refused.text);
}

#[tokio::test]
async fn a_node_that_leaves_gives_its_name_back() {
    let context = TestContext::make().await;
    let node = node_of(&context, "OWNER", "edge.example.com").await;
    assert_eq!(node.post("/unregister", json!({})).await.status, 200);
    assert_eq!(node.beat(&[]).await.status, 404);
    let theirs = node_of(&context, "FOREIGN", "edge.example.com").await;
    assert_eq!(theirs.beat(&[]).await.status, 200);
    let late = node.register().await;
    assert_eq!((late.status.as_u16(), late.code()), (400, "NODE_NAME_TAKEN"), "{}", late.text);
}

#[tokio::test]
async fn members_list_the_nodes_of_their_organization_newest_first() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    node_of(&context, "OWNER", "first.example.com").await;
    deployment.clock.advance(SignedDuration::from_secs(1));
    node_of(&context, "OWNER", "second.example.com").await;
    node_of(&context, "FOREIGN", "theirs.example.com").await;
    let org = context.organization(Ownership::OwnWorkspace).await;
    let path = format!("/organization/{org}/nodes");
    let list = async |query: &str| {
        let nodes =
            deployment.ask_as(context.token("USER"), Method::GET, &format!("{path}{query}"), None).await;
        assert_eq!(nodes.status, 200, "{}", nodes.text);
        nodes.body
    };
    let names = |list: &Value| {
        let nodes = list["data"].as_array().unwrap().iter();
        nodes.map(|node| node["ip"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = list("").await;
    assert_eq!(names(&all), ["second.example.com", "first.example.com"], "not the deployment's: {all}");
    assert_eq!((&all["success"], &all["total"]), (&json!(true), &json!(2)));
    assert_eq!((&all["data"][0]["id_org"], &all["data"][0]["status"]), (&json!(org), &json!("ONLINE")));
    let page = list("?limit=1").await;
    assert_eq!(names(&page), ["second.example.com"]);
    let rest = list(&format!("?limit=1&cursor={}", page["nextCursor"].as_str().unwrap())).await;
    assert_eq!((names(&rest), &rest["nextCursor"]), (vec!["first.example.com".to_owned()], &Value::Null));
}

#[tokio::test]
async fn a_deleted_node_is_refused_until_it_registers_with_a_newer_key() {
    let context = TestContext::make().await;
    let deployment = &context.deployment;
    let node = node_of(&context, "OWNER", "edge.example.com").await;
    let org = context.organization(Ownership::OwnWorkspace).await;
    let nodes = deployment.get(&format!("/organization/{org}/nodes")).await;
    let id = nodes.body["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/organization/{org}/node/{id}");
    let deleted = deployment.delete(&path).await;
    assert_eq!((deleted.status.as_u16(), &deleted.body["success"]), (200, &json!(true)), "{}", deleted.text);
    let again = deployment.delete(&path).await;
    assert_eq!((again.status.as_u16(), again.code()), (400, "NODE_ALREADY_DELETED"), "{}", again.text);
    let shared = deployment.get("/node").await.body["data"][0]["id"].as_str().unwrap().to_owned();
    for foreign in [shared.as_str(), "x"] {
        let missing = deployment.delete(&format!("/organization/{org}/node/{foreign}")).await;
        assert_eq!((missing.status.as_u16(), missing.code()), (404, "NOT_FOUND"), "{}", missing.text);
    }

    assert_eq!(node.beat(&[]).await.status, 404);
    let refused = node.register().await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "NODE_DELETED"), "{}", refused.text);
    deployment.clock.advance(SignedDuration::from_secs(1));
    let newer = node_of(&context, "OWNER", "edge.example.com").await;
    assert_eq!(newer.beat(&[]).await.status, 200);
    let events = deployment.post("/systemevent", json!({ "contextId": id })).await;
    let events = events.body["events"].as_array().unwrap().clone();
    assert!(
        events.iter().any(|event| event["context"] == "node" && event["event"] == "deleted"),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_organization_has_as_many_nodes_as_the_operator_allows() {
    let api = bucketry_api::ApiSettings { rate_limits: None, ..Default::default() };
    let settings = bucketry_control::Settings { node_quota: Some(1), ..Default::default() };
    let deployment = crate::deployment::Deployment::with(api, settings).await;
    let owner = deployment.owner.clone();
    let first = PrivateNode::with_new_key(&deployment, &owner, "first.example.com").await;
    assert_eq!(first.register().await.status, 200);
    let mut second = first.registration();
    second["ip"] = "second.example.com".into();
    let refused = first.post("/register", second.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "NODE_QUOTA_EXCEEDED"), "{}", refused.text);
    assert_eq!(first.register().await.status, 200, "it is registered already");
    assert_eq!(first.post("/unregister", json!({})).await.status, 200);
    assert_eq!(first.post("/register", second).await.status, 200);
}
