//! Tests of nodes: whose messages are accepted, what nodes get, and how keys are rotated.

use std::time::Duration;

use crate::support::{FakeNode, TestContext, sent};
use bucketry_control::buckets::BucketInput;
use bucketry_control::{Error, ResourceKind, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::id::{NodeId, NodeKeyId};
use bucketry_model::node_protocol::{Heartbeat, StatusCounts};
use bucketry_model::secret::Secret;
use bucketry_model::time::Clock as _;
use bucketry_vault::{NodeSigningKey, SecretContext};
use jiff::SignedDuration;

fn refused(result: Result<(), Error>, why: &str) {
    let response = result.unwrap_err();
    assert!(
        matches!(response, Error::NodeMessage(_) | Error::NodeClock(_)) && response.to_string().contains(why),
        "{response:?}"
    );
}

#[tokio::test]
async fn a_message_is_taken_once_in_time_and_only_with_a_known_key() {
    let cx = TestContext::new().await;
    let heartbeat = FakeNode::heartbeat(vec![]);
    let message = cx.node.signed("/node/status", &heartbeat);
    cx.control.heartbeat(sent(&message)).await.unwrap();
    refused(cx.control.heartbeat(sent(&message)).await.map(drop), "already received");

    let late = cx.node.signed("/node/status", &heartbeat);
    cx.clock.advance(SignedDuration::from_secs(301));
    refused(cx.control.heartbeat(sent(&late)).await.map(drop), "clock");

    let mut changed = cx.node.signed("/node/status", &heartbeat);
    changed["region"] = "elsewhere".into();
    refused(cx.control.heartbeat(sent(&changed)).await.map(drop), "signature");

    let mut stranger = cx.node.clone();
    stranger.key = NodeSigningKey::generate().unwrap().into();
    refused(stranger.beat(vec![]).await, "signature");
}

#[tokio::test]
async fn a_node_that_is_not_registered_is_told_so() {
    let cx = TestContext::new().await;
    let mut heartbeat = FakeNode::heartbeat(vec![]);
    heartbeat.ip = "node-2".to_owned();
    let response = cx.control.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await;
    assert!(matches!(response, Err(Error::NotFound(ResourceKind::Node))), "{response:?}");
}

#[tokio::test]
async fn what_a_heartbeat_reports_about_the_node_is_known_to_each_process() {
    let cx = TestContext::new().await;
    let there = cx.another_process(Settings::default());
    let waits_since = async || {
        let node = there.node_views().await.unwrap().remove(0).node;
        node.last_heartbeat.and_then(|heartbeat| heartbeat.waiting?.since)
    };
    let began = cx.clock.now();
    for process in [&cx.control, &there, &cx.control] {
        let heartbeat = Heartbeat {
            gateway_url: Some("https://s3.example.com".parse().unwrap()),
            census: StatusCounts { online: 2, offline: 1, unknown: 0 },
            waiting_batches: Some(7),
            ..FakeNode::heartbeat(vec![])
        };
        process.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await.unwrap();
        cx.clock.advance(SignedDuration::from_secs(20));
        let view = there.node_views().await.unwrap().remove(0);
        assert_eq!((view.gateway_url, view.census), (heartbeat.gateway_url, Some(heartbeat.census)));
        assert_eq!(waits_since().await, Some(began), "whichever process the node sends its heartbeats to");
    }
}

#[tokio::test]
async fn a_node_is_sent_everything_and_then_what_changes() {
    let cx = TestContext::new().await;
    let first = cx.unchecked("First").await;
    let snapshot = cx.node.sync("", 0).await.unwrap();
    assert!(snapshot.snapshot && !snapshot.more);
    assert_eq!(snapshot.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [first]);

    let waiting = {
        let (node, cursor) = (cx.node.clone(), snapshot.cursor.clone());
        tokio::spawn(async move { node.sync(&cursor, 25).await })
    };
    let second = cx.unchecked("Second").await;
    let changed = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    assert_eq!(changed.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [second]);

    cx.control.delete_bucket(&cx.owner, first).await.unwrap();
    let rename = BucketInput { name: Some("Other".to_owned()), ..BucketInput::default() };
    cx.control.update_bucket(&cx.owner, second, &rename).await.unwrap();
    let removed = cx.node.sync(&changed.cursor, 0).await.unwrap();
    assert_eq!((removed.removed.as_slice(), removed.buckets.len()), ([first].as_slice(), 0));
    let nothing = cx.node.sync(&removed.cursor, 0).await.unwrap();
    assert!(nothing.buckets.is_empty() && nothing.removed.is_empty());
}

#[tokio::test]
async fn a_rotation_seals_every_secret_anew_while_everything_stays_in_use() {
    let cx = TestContext::new().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(cx.unchecked(&format!("Bucket {n}")).await);
    }
    let old = cx.node.identities.lock().unwrap().in_use();
    let _node = cx.node.work_on();
    let state = cx.rotate().await;
    assert_eq!((state.total, state.done, state.failed), (3, 3, 0));

    let recipients = cx.node.identities.lock().unwrap().recipients();
    assert_eq!(recipients.len(), 1);
    assert_ne!(recipients[0].to_string(), old.to_string());
    for id in ids {
        let bucket = cx.control.store().bucket(cx.owner.org_id, id).await.unwrap().unwrap();
        let context = SecretContext::of_bucket(bucket.org_id, id);
        let identities = cx.node.identities.lock().unwrap();
        let plain = bucketry_vault::open(&bucket.secret.unwrap(), &context, &identities).unwrap();
        assert_eq!(plain.expose(), "the-plain-secret");
    }
}

#[tokio::test]
async fn a_secret_is_sealed_to_the_keys_that_there_are_when_it_is_stored() {
    let cx = TestContext::new().await;
    let creating = async {
        let made = cx.control.create_bucket(&cx.owner, &cx.bucket("Photos")).await.unwrap();
        cx.control.store().bucket(cx.owner.org_id, made.id).await.unwrap().unwrap()
    };
    let (bucket, ()) = tokio::join!(
        creating,
        cx.node.work_after(async || {
            cx.node.identities.lock().unwrap().add_new().unwrap();
            cx.node.register().await.unwrap();
        })
    );
    let mut identities = cx.node.identities.lock().unwrap();
    identities.retire_all_but_first().unwrap();
    let context = SecretContext::of_bucket(bucket.org_id, bucket.id);
    let plain = bucketry_vault::open(&bucket.secret.unwrap(), &context, &identities).unwrap();
    assert_eq!(plain.expose(), "the-plain-secret");
}

#[tokio::test]
async fn a_secret_that_no_node_can_open_stays_as_it_was_and_is_told() {
    let cx = TestContext::new().await;
    cx.unchecked("Lost").await;
    *cx.node.identities.lock().unwrap() = bucketry_vault::Identities::generate();
    cx.node.register().await.unwrap();
    let input = BucketInput { secret: Some(Secret::new("new")), skip_validation: true, ..cx.bucket("Kept") };
    cx.control.create_bucket(&cx.owner, &input).await.unwrap();
    let _node = cx.node.work_on();
    let state = cx.rotate().await;
    assert_eq!(state.failed, 1);
    assert_eq!(cx.node.identities.lock().unwrap().recipients().len(), 2, "the old identity is kept");
}

#[tokio::test]
async fn a_rotation_passes_over_nodes_that_are_away() {
    let cx = TestContext::new().await;
    cx.unchecked("Photos").await;
    // An operator who renames the node leaves the old one behind like this.
    cx.node.register_as("a-former-name").await.unwrap();
    cx.clock.advance(SignedDuration::from_hours(1));
    cx.node.beat(vec![]).await.unwrap();
    let _node = cx.node.work_on();
    let state = cx.rotate().await;
    assert_eq!((state.done, state.failed), (1, 0));
    assert_eq!(cx.node.identities.lock().unwrap().recipients().len(), 1);
}

#[tokio::test]
async fn a_node_of_an_organization_that_refuses_does_not_stop_a_rotation() {
    let cx = TestContext::new().await;
    let private = cx.node.of_organization(&cx.owner, "a-private-node").await;
    cx.unchecked("Photos").await;
    let _node = cx.node.work_on();
    let _private = private.refuse_jobs_as("a-private-node");
    let state = cx.rotate().await;
    assert_eq!((state.total, state.done, state.failed), (1, 1, 0));
    assert_eq!(cx.node.identities.lock().unwrap().recipients().len(), 1, "the old identity is retired");
}

#[tokio::test]
async fn a_node_without_a_key_to_seal_to_gets_no_validation() {
    let cx = TestContext::new().await;
    let private = cx.node.of_organization(&cx.owner, "a-private-node").await;
    let register = serde_json::json!({
        "ip": "a-private-node", "provider": "", "status": "running", "region": "here", "version": "1",
    });
    // It takes the name of a node that has stopped, and is the node that was seen last.
    cx.clock.advance(SignedDuration::from_secs(61));
    cx.node.register().await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(1));
    let register = sent(&private.signed("/register", &register));
    cx.control.register_node(register, RequestOrigin::default()).await.unwrap();
    let input = cx.bucket("Photos");
    let (created, ()) = tokio::join!(cx.control.create_bucket(&cx.owner, &input), cx.node.work());
    created.unwrap();
}

/// A registration that is signed as the public installer does it.
fn installed(key: &NodeSigningKey, name: &str, seconds: i64) -> serde_json::Value {
    let signature = key.sign(format!("{name}|here|{seconds}").as_bytes()).unwrap();
    serde_json::json!({
        "ip": name, "region": "here", "timestamp": seconds, "status": "running", "version": "0.0.28",
        "signature": signature,
    })
}

#[tokio::test]
async fn a_registration_is_accepted_by_one_process() {
    let cx = TestContext::new().await;
    let private = cx.node.of_organization(&cx.owner, "a-private-node").await;
    let other = cx.another_process(Settings::default());
    let message = installed(&private.key, "installed", cx.clock.now().as_second());
    cx.control.register_node(sent(&message), RequestOrigin::default()).await.unwrap();
    refused(
        other.register_node(sent(&message), RequestOrigin::default()).await.map(drop),
        "already received",
    );
    refused(other.unregister_node(sent(&message), RequestOrigin::default()).await, "already received");
    cx.clock.advance(SignedDuration::from_secs(602));
    cx.control.tidy().await.unwrap();
    refused(other.register_node(sent(&message), RequestOrigin::default()).await.map(drop), "clock");
}

#[tokio::test]
async fn the_installers_signature_counts_only_with_an_organizations_key() {
    let cx = TestContext::new().await;
    let private = cx.node.of_organization(&cx.owner, "a-private-node").await;
    let now = cx.clock.now().as_second();
    let register = async |message: &serde_json::Value| {
        cx.control.register_node(sent(message), RequestOrigin::default()).await
    };
    refused(register(&installed(&cx.node.key, "node-1", now)).await.map(drop), "signature");
    let node = register(&installed(&private.key, "installed", now)).await.unwrap();
    assert_eq!((node.org_id, node.recipients.len()), (Some(cx.owner.org_id), 0));
    refused(register(&installed(&private.key, "installed", now)).await.map(drop), "already received");
    refused(register(&installed(&private.key, "installed", now - 301)).await.map(drop), "clock");
    let mut sealed = installed(&private.key, "installed", now + 1);
    sealed["recipients"] = serde_json::json!(["age1"]);
    refused(register(&sealed).await.map(drop), "recipients");

    let leave = async |message: &serde_json::Value| {
        cx.control.unregister_node(sent(message), RequestOrigin::default()).await
    };
    let used = installed(&private.key, "installed", now);
    refused(leave(&used).await, "already received");
    leave(&installed(&private.key, "installed", now + 2)).await.unwrap();
    let gone = leave(&installed(&private.key, "installed", now + 3)).await;
    assert!(matches!(gone, Err(Error::NotFound(ResourceKind::Node))), "{gone:?}");
}

#[tokio::test]
async fn requests_that_are_given_up_do_not_keep_changes_from_others() {
    let cx = TestContext::new().await;
    let cursor = cx.node.sync("", 0).await.unwrap().cursor;
    let wait = || {
        let (node, cursor) = (cx.node.clone(), cursor.clone());
        tokio::spawn(async move { node.sync(&cursor, 25).await.unwrap() })
    };
    let waiting: Vec<_> = (0..40).map(|_| wait()).collect();
    let photos = cx.unchecked("Photos").await;
    // Some of them are reading the changes for all others at this moment.
    let (given_up, others): (Vec<_>, Vec<_>) =
        waiting.into_iter().enumerate().partition(|(number, _)| number % 3 == 0);
    for (_, request) in &given_up {
        request.abort();
    }
    for (_, request) in others {
        let answer = tokio::time::timeout(Duration::from_secs(30), request).await.unwrap().unwrap();
        assert_eq!(answer.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [photos]);
    }
}

#[tokio::test]
async fn changes_of_another_process_arrive_without_a_signal() {
    let cx = TestContext::new().await;
    let there = cx.another_process(Settings::default());
    let cursor = cx.node.sync("", 0).await.unwrap().cursor;
    let input = |name| BucketInput { skip_validation: true, ..cx.bucket(name) };
    let waiting = {
        let (node, cursor) = (cx.node.clone(), cursor.clone());
        tokio::spawn(async move { node.sync(&cursor, 25).await.unwrap() })
    };
    let first = there.create_bucket(&cx.owner, &input("First")).await.unwrap().id;
    let answer = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!(answer.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [first]);

    let second = there.create_bucket(&cx.owner, &input("Second")).await.unwrap().id;
    let next = cx.node.sync(&answer.cursor, 0).await.unwrap();
    assert_eq!(
        next.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(),
        [second],
        "a request gets what was stored before it arrived"
    );
    let ahead = cx.node.sync("c.9999", 0).await.unwrap();
    assert_eq!((ahead.snapshot, ahead.buckets.len()), (true, 2), "the cursor is of another database");
    let behind = cx.node.sync("c.0", 0).await.unwrap();
    assert_eq!((behind.snapshot, behind.buckets.len()), (false, 2), "it needs changes that aren't in memory");
}

#[tokio::test]
async fn a_private_node_gets_the_changes_of_its_organization_only() {
    let cx = TestContext::with(Settings { open_registration: true, ..Settings::default() }).await;
    let other = cx.another_owner().await;
    let private = cx.node.of_one_of_several(&other, "a-private-node").await;
    let first = private.sync_as("a-private-node", "", 0).await.unwrap();
    assert!(first.snapshot && first.buckets.is_empty());

    let waiting = {
        let (node, cursor) = (private.clone(), first.cursor.clone());
        tokio::spawn(async move { node.sync_as("a-private-node", &cursor, 25).await.unwrap() })
    };
    cx.unchecked("Of the first organization").await;
    let workspace = cx.control.workspaces(&other, None, 1).await.unwrap().remove(0).workspace.id;
    let input = BucketInput {
        workspace_id: Some(workspace.to_string()),
        skip_validation: true,
        ..cx.bucket("Of its own")
    };
    let own = cx.control.create_bucket(&other, &input).await.unwrap().id;
    let next = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!(next.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(), [own]);
    let last = private.sync_as("a-private-node", &first.cursor, 0).await.unwrap();
    assert_eq!(
        last.buckets.iter().map(|bucket| bucket.id).collect::<Vec<_>>(),
        [own],
        "with its old cursor, too"
    );
}

#[tokio::test]
async fn what_changes_no_node_leaves_the_nodes_cached() {
    let cx = TestContext::new().await;
    let (control, owner, org_id) = (&cx.control, &cx.owner, cx.owner.org_id);
    let region = async || control.node_views().await.unwrap()[0].node.region.clone();
    assert_eq!(region().await, "here");
    // Without a signal, so it shows only when the nodes are read again.
    cx.newer_version_writes("UPDATE nodes SET region = 'elsewhere'").await;
    let node = NodeId::new(cx.clock.now(), [9; 10]);
    control.delete_private_node(owner, org_id, node).await.unwrap_err();
    assert_eq!(region().await, "here", "after an unknown node");
    let key = NodeKeyId::new(cx.clock.now(), [9; 10]);
    control.delete_organization_key(owner, org_id, key).await.unwrap_err();
    assert_eq!(region().await, "here", "after an unknown key");
    cx.node.of_organization(owner, "private").await;
    let regions: Vec<_> =
        control.node_views().await.unwrap().into_iter().map(|one| one.node.region).collect();
    assert_eq!(regions, ["elsewhere", "here"], "now they are read again");
}
