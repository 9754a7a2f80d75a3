//! Nodes of another version: messages as older and newer nodes write them are accepted, and answers are written so that older
//! nodes can read them.

use bucketry_model::audit::RequestOrigin;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{TestContext, sent};

/// Sends the messages of a node: its registration, a heartbeat, a report of traffic.
async fn send(cx: &TestContext, register: &Value, heartbeat: &Value, report: &Value) {
    let register = cx.node.signed("/register", register);
    cx.control.register_node(sent(&register), RequestOrigin::default()).await.unwrap();
    cx.control.heartbeat(sent(&cx.node.signed("/node/status", heartbeat))).await.unwrap();
    cx.control.report(sent(&cx.node.signed("/node/report", report))).await.unwrap();
}

async fn requests(cx: &TestContext, id: BucketId) -> i64 {
    let selection = cx.control.select_buckets(&cx.owner, Some(&[id]), None).await.unwrap();
    cx.control.bucket_totals(&selection, None, 10).await.unwrap()[0].totals.requests
}

#[tokio::test]
async fn the_messages_of_an_older_node_are_accepted() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let (now, minute) = (cx.clock.now(), cx.clock.now().as_second() / 60 * 60);
    // The members that the first nodes sent, and no others.
    let register = json!({ "ip": "an-older-node", "region": "here", "status": "active", "version": "0.0.1" });
    let heartbeat = json!({
        "ip": "an-older-node", "region": "here", "census": { "online": 0, "offline": 1, "unknown": 0 },
        "buckets": [{
            "unitId": id, "status": "OFFLINE", "createdAt": now,
            "failure": { "code": "CONNECT_TIMEOUT", "message": "No answer." },
        }],
    });
    let report = json!({
        "ip": "an-older-node",
        "usage": { "spool": "s", "number": 1, "rows": [{
            "minute": minute, "bucketId": id, "requests": 3, "uploadBytes": 1, "downloadBytes": 2, "sizeChange": 1,
        }] },
    });
    send(&cx, &register, &heartbeat, &report).await;
    let found = cx.control.bucket(&cx.owner, id).await.unwrap();
    assert_eq!(found.status, Status::Offline);
    assert_eq!(found.last_error.unwrap().code, CheckCode::ConnectTimeout);
    assert_eq!(requests(&cx, id).await, 3);
}

#[tokio::test]
async fn the_messages_of_a_newer_node_are_accepted_without_what_is_new() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let (now, minute) = (cx.clock.now(), cx.clock.now().as_second() / 60 * 60);
    let new = json!({ "answer": [42] });
    let register = json!({
        "ip": "a-newer-node", "region": "here", "status": "active", "version": "99.0.0", "provider": "test", "nodeServices": 1,
        "recipients": [], "new": new,
    });
    let heartbeat = json!({
        "ip": "a-newer-node", "region": "here", "probeIntervalMs": 60_000, "new": new,
        "census": { "online": 0, "offline": 1, "unknown": 0, "new": 1 },
        "buckets": [{
            "bucketId": id, "status": "OFFLINE", "createdAt": now, "version": 1, "new": new,
            "failure": { "code": "FROM_THE_FUTURE", "message": "The bucket is on the moon.", "new": new },
        }],
    });
    let report = json!({
        "ip": "a-newer-node", "new": new,
        "usage": { "spool": "s", "number": 1, "new": new, "rows": [{
            "minute": minute, "bucketId": id, "requests": 3, "uploadBytes": 1, "downloadBytes": 2, "sizeChange": 1, "new": 7,
        }] },
    });
    send(&cx, &register, &heartbeat, &report).await;
    let found = cx.control.bucket(&cx.owner, id).await.unwrap();
    assert_eq!(found.status, Status::Offline);
    let failure = found.last_error.unwrap();
    assert_eq!(failure.message, "The bucket is on the moon.");
    assert_eq!(failure.code, CheckCode::ProviderError, "an unknown code doesn't spoil the message");
    assert_eq!(requests(&cx, id).await, 3);
}

#[tokio::test]
async fn an_answer_has_everything_that_an_older_node_requires() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    cx.clock.advance(SignedDuration::from_secs(1));
    let answer = serde_json::to_value(cx.node.sync("", 0).await.unwrap()).unwrap();
    for member in ["success", "cursor", "snapshot", "more", "buckets", "removed", "jobs"] {
        assert!(answer.get(member).is_some(), "{member} is missing: {answer}");
    }
    let bucket = &answer["buckets"][0];
    assert_eq!(bucket["id"], id.to_string());
    for member in ["orgId", "version", "location"] {
        assert!(bucket.get(member).is_some(), "{member} is missing: {bucket}");
    }
    assert!(bucket["location"]["storageType"].is_string() && bucket["location"]["bucket"].is_string());
}
