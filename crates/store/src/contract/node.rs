//! Nodes and their keys.

use bucketry_model::id::{BucketId, NodeId, NodeKeyId};
use bucketry_model::node::{HeartbeatReport, LastHeartbeat};
use bucketry_model::node_protocol::{StatusCounts, UsageBatch};
use bucketry_model::node_silence::NodeSilence;
use bucketry_model::time::Day;
use futures_util::future::join;
use jiff::Timestamp;

use super::fixture::{TestContext, at, audit, fresh, node_key, online};
use super::usage::row;
use crate::Store;
use crate::node::{
    KeyApproval, NodeApproved, NodeDeleted, NodeKeyInserted, NodeRegistered, NodeRegistration,
};
use crate::usage::BatchCounted;
use crate::vault::RotationState;

pub async fn a_node_registers_and_is_updated_by_name(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let first = context.registration("node-1");
    let NodeRegistered::Registered(node) = store.register_node(&first, &audit(at(5))).await.unwrap() else {
        panic!("the name is free");
    };
    assert_eq!((node.id, node.org_id, node.name.as_str()), (first.id, Some(context.org), "node-1"));
    assert_eq!(
        (node.region.as_str(), node.provider.as_str(), node.version.as_str()),
        ("eu", "HETZNER", "0.1.0")
    );
    assert_eq!((&node.recipients, node.created_at, node.last_seen), (&first.recipients, at(5), at(5)));

    let again = NodeRegistration {
        region: "us".to_owned(),
        provider: "AWS".to_owned(),
        version: "0.2.0".to_owned(),
        recipients: vec!["age1third".to_owned()],
        ..context.registration("node-1")
    };
    let NodeRegistered::Registered(node) = store.register_node(&again, &audit(at(9))).await.unwrap() else {
        panic!("the name is its own");
    };
    assert_eq!((node.id, node.created_at, node.last_seen), (first.id, at(5), at(9)));
    assert_eq!((node.region.as_str(), node.provider.as_str(), node.version.as_str()), ("us", "AWS", "0.2.0"));
    assert_eq!(node.recipients, again.recipients);

    context.node("a-node").await;
    let listed = store.nodes().await.unwrap();
    assert_eq!(listed.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["a-node", "node-1"]);
    assert_eq!(listed[1], *node);
}

pub async fn a_name_belongs_to_one_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    for taker in
        [other.registration("node-1"), NodeRegistration { org_id: None, ..context.registration("node-1") }]
    {
        assert_eq!(store.register_node(&taker, &audit(at(1))).await.unwrap(), NodeRegistered::NameTaken);
    }
    store.unregister_node(node, &audit(at(2))).await.unwrap();
    let NodeRegistered::Registered(taken) =
        store.register_node(&other.registration("node-1"), &audit(at(3))).await.unwrap()
    else {
        panic!("the name is free");
    };
    assert_ne!(taken.id, node);
    let late = store.register_node(&context.registration("node-1"), &audit(at(4))).await.unwrap();
    assert_eq!(late, NodeRegistered::NameTaken);
}

pub async fn two_registrations_of_one_name_at_once_give_one_node(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let [a, b] = ["node-1", "node-1"].map(|name| context.registration(name));
    let (a, b) = join(store.register_node(&a, &audit(at(1))), store.register_node(&b, &audit(at(1)))).await;
    let (NodeRegistered::Registered(a), NodeRegistered::Registered(b)) = (a.unwrap(), b.unwrap()) else {
        panic!("the name is their own");
    };
    assert_eq!(a.id, b.id);
    assert_eq!(store.nodes().await.unwrap().len(), 1);
}

pub async fn a_node_that_comes_back_gets_its_id_back(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    let node = context.node("node-1").await;
    let batch = UsageBatch { spool: "s".to_owned(), number: 1, rows: vec![row(bucket, 60, 1)] };
    store.add_usage(node, None, &batch, at(1)).await.unwrap();
    store.unregister_node(node, &audit(at(2))).await.unwrap();
    assert_eq!(context.node("node-1").await, node);
    let again = store.add_usage(node, None, &batch, at(3)).await.unwrap();
    assert_eq!(again, BatchCounted::Duplicate);
}

pub async fn removing_a_node_takes_its_words_and_keeps_its_days(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let bucket = context.bucket("photos").await;
    let node = context.node("node-1").await;
    context.probe(node, bucket, &[online(10, 1)]).await;
    assert!(store.unregister_node(node, &audit(at(20))).await.unwrap());
    assert!(!store.unregister_node(node, &audit(at(20))).await.unwrap());
    assert!(store.nodes().await.unwrap().is_empty());
    assert!(store.node_statuses(bucket).await.unwrap().is_empty());
    assert!(store.day_records(bucket, Day::of(at(0))).await.unwrap().is_empty());
    context.node("node-1").await;
    assert!(store.node_statuses(bucket).await.unwrap().is_empty());
    assert_eq!(store.day_records(bucket, Day::of(at(0))).await.unwrap().len(), 1);
}

fn heartbeat(gateway: Option<&str>) -> HeartbeatReport {
    HeartbeatReport {
        census: StatusCounts { online: 2, offline: 1, unknown: 0 },
        gateway_url: gateway.map(|url| url.parse().unwrap()),
        waiting_batches: Some(3),
        process: Some("a".to_owned()),
        leaving: gateway.is_none(),
    }
}

pub async fn the_last_heartbeat_of_a_node_reads_back_until_the_node_is_removed(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let last = async || store.nodes().await.unwrap().remove(0).last_heartbeat;
    assert_eq!(last().await, None);
    let mut previous = None;
    for (gateway, second) in
        [(Some("https://s3.example.com"), 30), (Some("http://10.0.0.7:9000"), 40), (None, 50)]
    {
        let recorded = store.record_heartbeat(node, heartbeat(gateway), at(second)).await.unwrap();
        assert_eq!(recorded, Some(LastHeartbeat::reported(heartbeat(gateway), previous, at(second))));
        assert_eq!(last().await, recorded);
        previous = recorded;
    }
    context.node("node-1").await;
    assert_eq!(last().await, previous, "a node that starts again");
    store.unregister_node(node, &audit(at(60))).await.unwrap();
    context.node("node-1").await;
    assert_eq!(last().await, None, "a node that was removed meanwhile");
}

pub async fn heartbeats_at_the_same_time_lose_no_process(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let beat = async |process: String, leaving| {
        let report =
            HeartbeatReport { process: Some(process), leaving, ..heartbeat(Some("http://10.0.0.7:9000")) };
        store.record_heartbeat(node, report, at(30)).await.unwrap().unwrap().leaving
    };
    for round in 0..10 {
        let [a, b] = ["a", "b"].map(|name| format!("{name} {round}"));
        join(beat(a.clone(), false), beat(b.clone(), false)).await;
        let ends = join(beat(a, true), beat(b, true)).await;
        assert!(ends.0 != ends.1, "only one of them is the last to stop: {ends:?}");
    }
}

pub async fn a_node_is_touched_while_it_is_registered(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    assert!(store.record_heartbeat(node, heartbeat(None), at(30)).await.unwrap().is_some());
    assert_eq!(store.nodes().await.unwrap()[0].last_seen, at(30));
    assert_eq!(store.record_heartbeat(fresh(NodeId::new), heartbeat(None), at(30)).await.unwrap(), None);
    store.unregister_node(node, &audit(at(40))).await.unwrap();
    assert_eq!(store.record_heartbeat(node, heartbeat(None), at(50)).await.unwrap(), None);
}

pub async fn keys_are_kept_by_organization(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let (old, new, own) = (node_key(Some(context.org), 1), node_key(Some(context.org), 2), node_key(None, 3));
    let own_id = own.id;
    for key in [&old, &new, &own] {
        assert_eq!(store.insert_node_key(key, 9, &audit(at(0))).await.unwrap(), NodeKeyInserted::Inserted);
    }
    let ids = async |org_id| {
        let keys = store.node_keys(org_id).await.unwrap();
        keys.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(store.node_keys(Some(context.org)).await.unwrap()[..2], [new.clone(), old.clone()]);
    assert_eq!(ids(Some(context.org)).await, [new.id, old.id, context.node_key]);
    assert_eq!(store.node_keys(None).await.unwrap(), [own]);
    assert_eq!(ids(Some(other.org)).await, [other.node_key]);

    let delete = async |org_id, ids: &[NodeKeyId]| {
        let keys: Vec<_> = ids.iter().map(|id| (*id, audit(at(4)))).collect();
        store.delete_node_keys(org_id, &keys).await.unwrap()
    };
    assert_eq!(delete(Some(other.org), &[new.id]).await, 0);
    assert_eq!(delete(None, &[new.id]).await, 0);
    assert_eq!(delete(Some(context.org), &[new.id, other.node_key, context.node_key]).await, 2);
    assert_eq!(delete(Some(context.org), &[new.id]).await, 0);
    assert_eq!(delete(None, &[own_id]).await, 1);
    assert_eq!(store.node_keys(Some(context.org)).await.unwrap(), [old]);
    assert_eq!(ids(Some(other.org)).await, [other.node_key]);
}

pub async fn each_deleted_key_has_a_record(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let key = node_key(Some(context.org), 1);
    store.insert_node_key(&key, 2, &audit(at(1))).await.unwrap();
    let before = store.latest_audit().await.unwrap();
    let record = |id: NodeKeyId| (id, audit(at(2)).of(id, "a key"));
    let keys = [key.id, fresh(NodeKeyId::new), context.node_key].map(record);
    assert_eq!(store.delete_node_keys(Some(context.org), &keys).await.unwrap(), 2);
    let records = store.audit_after(before, 10).await.unwrap();
    let ids: Vec<_> = records.into_iter().map(|record| record.entry.target.id).collect();
    assert_eq!(ids, [Some(key.id.to_string()), Some(context.node_key.to_string())]);
}

pub async fn an_organization_has_a_bounded_number_of_keys(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let [a, b] = [1, 2].map(|seconds| node_key(Some(context.org), seconds));
    let record = audit(at(1));
    let (a, b) = join(store.insert_node_key(&a, 2, &record), store.insert_node_key(&b, 2, &record)).await;
    let mut both = [a.unwrap(), b.unwrap()];
    both.sort_by_key(|inserted| *inserted == NodeKeyInserted::TooMany);
    assert_eq!(both, [NodeKeyInserted::Inserted, NodeKeyInserted::TooMany]);
    let key = node_key(Some(other.org), 3);
    assert_eq!(store.insert_node_key(&key, 2, &record).await.unwrap(), NodeKeyInserted::Inserted);
    let own = node_key(None, 3);
    assert_eq!(store.insert_node_key(&own, 0, &record).await.unwrap(), NodeKeyInserted::Inserted);
}

pub async fn nodes_of_a_removed_key_must_register_again(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let key = node_key(Some(context.org), 0);
    store.insert_node_key(&key, 2, &audit(at(0))).await.unwrap();
    let registration = NodeRegistration { key_id: key.id, ..context.registration("node-1") };
    store.register_node(&registration, &audit(at(1))).await.unwrap();
    let other = context.node("node-2").await;
    store.delete_node_keys(Some(context.org), &[(key.id, audit(at(0)))]).await.unwrap();
    assert_eq!(store.record_heartbeat(registration.id, heartbeat(None), at(2)).await.unwrap(), None);
    assert!(store.record_heartbeat(other, heartbeat(None), at(2)).await.unwrap().is_some());

    let late = store.register_node(&registration, &audit(at(3))).await.unwrap();
    assert_eq!(late, NodeRegistered::KeyDeleted, "its message was verified before the key was deleted");
    assert_eq!(store.record_heartbeat(registration.id, heartbeat(None), at(4)).await.unwrap(), None);
    let NodeRegistered::Registered(back) =
        store.register_node(&context.registration("node-1"), &audit(at(5))).await.unwrap()
    else {
        panic!("the organization has another key");
    };
    assert_eq!((back.id, back.key_id), (registration.id, context.node_key));
}

pub async fn a_deleted_node_comes_back_with_a_newer_key_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let other = TestContext::another(store).await;
    let node = context.node("node-1").await;
    let delete =
        async |org_id, id, seconds| store.delete_node(Some(org_id), id, &audit(at(seconds))).await.unwrap();
    assert_eq!(delete(other.org, node, 5).await, NodeDeleted::NotFound);
    assert_eq!(delete(context.org, fresh(NodeId::new), 5).await, NodeDeleted::NotFound);
    assert_eq!(delete(context.org, node, 5).await, NodeDeleted::Deleted);
    assert_eq!(delete(context.org, node, 6).await, NodeDeleted::AlreadyGone);
    assert_eq!(store.record_heartbeat(node, heartbeat(None), at(6)).await.unwrap(), None);

    let register = async |key_id, seconds| {
        let registration = NodeRegistration { key_id, ..context.registration("node-1") };
        store.register_node(&registration, &audit(at(seconds))).await.unwrap()
    };
    assert_eq!(register(context.node_key, 7).await, NodeRegistered::Deleted);
    let NodeRegistered::Registered(elsewhere) =
        store.register_node(&other.registration("node-1"), &audit(at(8))).await.unwrap()
    else {
        panic!("the name is free");
    };
    assert_eq!(delete(other.org, elsewhere.id, 9).await, NodeDeleted::Deleted);
    let newer = node_key(Some(context.org), 10);
    store.insert_node_key(&newer, 2, &audit(at(10))).await.unwrap();
    let NodeRegistered::Registered(back) = register(newer.id, 11).await else { panic!("the key is newer") };
    assert_eq!(back.id, node);
    assert!(matches!(register(context.node_key, 12).await, NodeRegistered::Registered(_)), "it is back");

    store.unregister_node(node, &audit(at(13))).await.unwrap();
    assert_eq!(delete(context.org, node, 14).await, NodeDeleted::AlreadyGone);
    assert!(matches!(register(context.node_key, 15).await, NodeRegistered::Registered(_)));
}

pub async fn an_organization_has_as_many_live_nodes_as_its_quota(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let register = async |name: &str| {
        let registration = NodeRegistration { quota: Some(2), ..context.registration(name) };
        store.register_node(&registration, &audit(at(1))).await.unwrap()
    };
    let is_registered = |registered: &NodeRegistered| matches!(registered, NodeRegistered::Registered(_));
    assert!(is_registered(&register("node-1").await));
    let (a, b) = join(register("node-2"), register("node-3")).await;
    assert_eq!([&a, &b].into_iter().filter(|one| is_registered(one)).count(), 1, "{a:?} {b:?}");
    assert!([&a, &b].contains(&&NodeRegistered::QuotaExceeded));
    assert!(is_registered(&register("node-1").await), "it is not another one");
    let NodeRegistered::Registered(first) = register("node-1").await else { panic!("it is there") };
    store.unregister_node(first.id, &audit(at(2))).await.unwrap();
    assert!(is_registered(&register("node-4").await));
    assert_eq!(register("node-1").await, NodeRegistered::QuotaExceeded);
    let shared = NodeRegistration { org_id: None, quota: Some(0), ..context.registration("shared") };
    assert!(is_registered(&store.register_node(&shared, &audit(at(3))).await.unwrap()));
}

pub async fn a_silence_is_stored_when_the_node_is_heard_from_again(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    let silences = async |since, now| {
        let found = store.node_silences(node, at(since), at(now), 10).await.unwrap();
        let seconds = |time: Timestamp| time.as_second() - at(0).as_second();
        found.iter().map(|one| (seconds(one.from), one.until.map(seconds))).collect::<Vec<_>>()
    };
    assert_eq!(silences(0, 59).await, []);
    assert_eq!(silences(0, 60).await, [(60, None)], "it is silent now");
    store.record_heartbeat(node, heartbeat(None), at(59)).await.unwrap();
    store.record_heartbeat(node, heartbeat(None), at(118)).await.unwrap();
    assert_eq!(silences(0, 119).await, [], "it was never silent for long enough");
    store.record_heartbeat(node, heartbeat(None), at(500)).await.unwrap();
    assert_eq!(silences(0, 501).await, [(178, Some(500))]);
    assert_eq!(silences(0, 560).await, [(560, None), (178, Some(500))]);
    store.register_node(&context.registration("node-1"), &audit(at(600))).await.unwrap();
    assert_eq!(silences(0, 601).await, [(560, Some(600)), (178, Some(500))], "a start ends it too");
    assert_eq!(silences(500, 601).await, [(560, Some(600))]);
    // The clock is set back, and set right again.
    store.record_heartbeat(node, heartbeat(None), at(100)).await.unwrap();
    store.record_heartbeat(node, heartbeat(None), at(601)).await.unwrap();
    assert_eq!(silences(500, 602).await, [(560, Some(600)), (160, Some(601))]);

    assert_eq!(store.purge_node_silences(at(601), 1).await.unwrap(), 1);
    assert_eq!(store.purge_node_silences(at(601), 5).await.unwrap(), 1);
    assert_eq!(silences(0, 602).await, [(160, Some(601))]);
    assert_eq!(store.node_silences(fresh(NodeId::new), at(0), at(9), 5).await.unwrap(), []);
}

pub async fn a_removal_is_stored_when_the_node_registers_again(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    store.unregister_node(node, &audit(at(30))).await.unwrap();
    let removed = |until| NodeSilence { node_id: node, from: at(30), until, was_removed: true };
    assert_eq!(store.node_silences(node, at(0), at(200), 10).await.unwrap(), [removed(None)]);
    assert_eq!(context.node_at("node-1", at(300)).await, node);
    assert_eq!(store.node_silences(node, at(0), at(301), 10).await.unwrap(), [removed(Some(at(300)))]);
}

pub async fn a_withdrawn_report_no_longer_counts_and_is_remembered(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let (node, other) = (context.node("node-1").await, context.node("node-2").await);
    let mut buckets = vec![context.bucket("a").await, context.bucket("b").await, context.bucket("c").await];
    buckets.sort_unstable();
    for id in &buckets {
        context.probe(node, *id, &[online(10, 5)]).await;
        context.probe(other, *id, &[online(10, 5)]).await;
    }
    let reported =
        async |after, until, limit| store.reported_buckets(node, after, until, limit).await.unwrap();
    assert_eq!(reported(None, None, 10).await, buckets);
    assert_eq!(reported(Some(buckets[0]), Some(buckets[1]), 10).await, buckets[1..2]);
    assert_eq!(reported(None, None, 2).await, buckets[..2]);

    let before = store.bucket_generation(context.org).await.unwrap();
    let released = [buckets[0], buckets[2], fresh(BucketId::new)];
    assert_eq!(store.withdraw_reports(node, &released, at(20)).await.unwrap(), 2);
    assert_ne!(store.bucket_generation(context.org).await.unwrap(), before);
    assert_eq!(reported(None, None, 10).await, buckets[1..2]);
    let statuses = store.node_statuses(buckets[0]).await.unwrap();
    assert_eq!(statuses.iter().map(|(node, _)| node.id).collect::<Vec<_>>(), [other]);
    assert_eq!(store.day_records(buckets[0], Day::of(at(10))).await.unwrap().len(), 2, "history remains");

    assert_eq!(store.withdraw_reports(node, &released, at(30)).await.unwrap(), 0, "there is nothing left");
    assert_eq!(store.withdraw_reports(fresh(NodeId::new), &buckets, at(30)).await.unwrap(), 0);
    let withdrawn = NodeSilence { node_id: node, from: at(20), until: Some(at(20)), was_removed: true };
    assert_eq!(store.report_withdrawals(buckets[0], at(20), 10).await.unwrap(), [withdrawn]);
    assert_eq!(store.report_withdrawals(buckets[0], at(21), 10).await.unwrap(), []);
    assert_eq!(store.report_withdrawals(buckets[1], at(0), 10).await.unwrap(), []);
    assert_eq!(store.purge_report_withdrawals(at(21), 1).await.unwrap(), 1);
    assert_eq!(store.purge_report_withdrawals(at(21), 10).await.unwrap(), 1);
    // It probes the bucket again.
    context.probe(node, buckets[0], &[online(40, 5)]).await;
    assert_eq!(store.node_statuses(buckets[0]).await.unwrap().len(), 2);
}

pub async fn secrets_are_sealed_to_approved_keys_only(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let register = async |approval, recipients: &[&str], seconds| {
        let recipients = recipients.iter().map(|key| (*key).to_owned()).collect();
        let registration = NodeRegistration { recipients, approval, ..context.registration("node-1") };
        match store.register_node(&registration, &audit(at(seconds))).await.unwrap() {
            NodeRegistered::Registered(node) => node,
            refused => panic!("{refused:?}"),
        }
    };
    let node = register(KeyApproval::AsBefore, &["age1a"], 1).await;
    assert!(node.is_pending() && node.sealing_recipient().is_none());
    let approve =
        async |key: &str, seconds| store.approve_node(node.id, key, &audit(at(seconds))).await.unwrap();
    assert_eq!(approve("age1b", 2).await, NodeApproved::OtherKey);
    assert_eq!(store.rewrap().await.unwrap(), None, "nothing to seal again yet");
    assert_eq!(approve("age1a", 3).await, NodeApproved::Approved);
    assert_eq!(approve("age1a", 4).await, NodeApproved::AlreadyApproved);
    let stranger = store.approve_node(fresh(NodeId::new), "age1a", &audit(at(4))).await.unwrap();
    assert_eq!(stranger, NodeApproved::NotFound);
    let state = store.rewrap().await.unwrap().unwrap();
    assert_eq!((state.started_at, state.finished_at, state.done), (at(3), None, 0));

    // A client that signs with the node's key can't slip in another one.
    let node = register(KeyApproval::AsBefore, &["age1new", "age1a"], 5).await;
    assert_eq!((node.sealing_recipient(), node.approved.len()), (Some("age1a"), 1));
    let node = register(KeyApproval::Rotating, &["age1new", "age1a"], 6).await;
    assert_eq!(node.sealing_recipient(), Some("age1new"));
    let node = register(KeyApproval::Rotating, &["age1other"], 70).await;
    assert!(node.is_pending(), "it has none of the approved keys");
    let node = register(KeyApproval::All, &["age1own"], 71).await;
    assert_eq!(node.sealing_recipient(), Some("age1own"));

    // A removed node that comes back waits for approval again.
    store.unregister_node(node.id, &audit(at(72))).await.unwrap();
    assert_eq!(store.rewrap().await.unwrap().unwrap().started_at, at(72));
    assert!(register(KeyApproval::AsBefore, &["age1own"], 73).await.is_pending());
}

pub async fn an_approved_node_is_not_displaced_while_it_is_connected(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let register = async |approval, recipients: &[&str], seconds| {
        let recipients = recipients.iter().map(|key| (*key).to_owned()).collect();
        let registration = NodeRegistration { recipients, approval, ..context.registration("node-1") };
        match store.register_node(&registration, &audit(at(seconds))).await.unwrap() {
            NodeRegistered::Registered(node) => Some(*node),
            NodeRegistered::NameInUse { .. } => None,
            refused => panic!("{refused:?}"),
        }
    };
    let first = register(KeyApproval::AsBefore, &["age1a"], 1).await.unwrap();
    assert!(register(KeyApproval::AsBefore, &["age1b"], 2).await.is_some(), "nobody uses its secrets yet");
    register(KeyApproval::AsBefore, &["age1a"], 3).await;
    store.approve_node(first.id, "age1a", &audit(at(4))).await.unwrap();
    for approval in [KeyApproval::AsBefore, KeyApproval::Rotating] {
        assert_eq!(register(approval, &["age1b"], 5).await, None);
    }
    let stays = store.nodes().await.unwrap().remove(0);
    assert_eq!((stays.recipients.len(), stays.sealing_recipient()), (1, Some("age1a")));
    assert!(register(KeyApproval::AsBefore, &["age1b", "age1a"], 6).await.is_some(), "it has a new key");
    assert_eq!(register(KeyApproval::AsBefore, &[], 7).await, None, "a node that opens no secrets");

    register(KeyApproval::All, &["age1own"], 8).await.unwrap();
    store.record_heartbeat(first.id, heartbeat(None), at(60)).await.unwrap();
    assert_eq!(register(KeyApproval::AsBefore, &["age1b"], 119).await, None);
    let after = register(KeyApproval::AsBefore, &["age1b"], 120).await.unwrap();
    assert!(after.is_pending() && after.id == first.id, "the other one has stopped");
}

pub async fn a_node_that_was_observed_to_be_silent_is_displaced_whatever_the_clocks_say(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let register = async |key: &str, silent_at, seconds| {
        let recipients = vec![key.to_owned()];
        let registration = NodeRegistration { recipients, silent_at, ..context.registration("node-1") };
        store.register_node(&registration, &audit(at(seconds))).await.unwrap()
    };
    let NodeRegistered::Registered(first) = register("age1a", None, 1).await else { panic!() };
    store.approve_node(first.id, "age1a", &audit(at(4))).await.unwrap();
    // A process whose clock is minutes ahead heard from it last.
    store.record_heartbeat(first.id, heartbeat(None), at(250)).await.unwrap();
    let in_use = NodeRegistered::NameInUse { last_seen: at(250) };
    assert_eq!(register("age1b", None, 70).await, in_use);
    assert_eq!(register("age1b", Some(at(240)), 71).await, in_use, "it was heard from since");
    let after = register("age1b", Some(at(250)), 72).await;
    assert!(matches!(&after, NodeRegistered::Registered(node) if node.is_pending()), "{after:?}");
}

pub async fn a_rewrap_that_is_requested_again_begins_again(store: &dyn Store) {
    let context = TestContext::new(store).await;
    let node = context.node("node-1").await;
    store.approve_node(node, "age1first", &audit(at(1))).await.unwrap();
    let state = store.rewrap().await.unwrap().unwrap();
    let later = RotationState { done: 2, total: 3, ..state.clone() };
    assert!(store.set_rewrap(&later).await.unwrap());
    assert_eq!(store.rewrap().await.unwrap(), Some(later.clone()));
    // Another request at the same instant.
    store.unregister_node(node, &audit(at(1))).await.unwrap();
    assert!(!store.set_rewrap(&later).await.unwrap(), "it belongs to the previous one");
    let again = store.rewrap().await.unwrap().unwrap();
    assert_eq!((again.done, again.finished_at), (0, None));
    assert!(again.started_at > state.started_at);
    assert_eq!(store.rotation().await.unwrap(), None, "it is not a rotation");
}

pub async fn an_approval_survives_a_registration_at_the_same_time(store: &dyn Store) {
    let context = TestContext::new(store).await;
    for number in 0..20 {
        let recipients = vec!["age1a".to_owned()];
        let registration = NodeRegistration { recipients, ..context.registration(&format!("node-{number}")) };
        let audit = audit(at(number));
        let NodeRegistered::Registered(node) = store.register_node(&registration, &audit).await.unwrap()
        else {
            panic!("it was refused")
        };
        let (approved, registered) = tokio::join!(
            store.approve_node(node.id, "age1a", &audit),
            store.register_node(&registration, &audit)
        );
        assert_eq!(approved.unwrap(), NodeApproved::Approved);
        registered.unwrap();
        let nodes = store.nodes().await.unwrap();
        let node = nodes.iter().find(|one| one.id == node.id).unwrap();
        assert_eq!(node.sealing_recipient(), Some("age1a"), "{number}");
    }
}
