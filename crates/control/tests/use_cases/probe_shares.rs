//! Which nodes probe which buckets, and what becomes of the reports of nodes that no longer do.

use std::collections::BTreeMap;
use std::time::Duration;

use bucketry_control::Settings;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{BucketStatus, Heartbeat};
use bucketry_model::probe_share::{ProbeAssignment, ProbeGroup};
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;

use crate::support::{FakeNode, TestContext, sent};

/// The nodes with their shares and the cursors after them.
type Nodes = BTreeMap<String, (ProbeAssignment, String)>;

async fn start(cx: &TestContext, name: &str) -> (ProbeAssignment, String) {
    cx.node.register_as(name).await.unwrap();
    shared(cx, name, "").await.unwrap()
}

async fn shared(cx: &TestContext, name: &str, cursor: &str) -> Option<(ProbeAssignment, String)> {
    let answer = cx.node.sync_as(name, cursor, 0).await.unwrap();
    answer.probing.map(|share| (share, answer.cursor))
}

/// Lets all nodes fetch what changed. Returns how many have another share now.
async fn refresh(cx: &TestContext, nodes: &mut Nodes) -> usize {
    let mut changed = 0;
    for (name, node) in nodes {
        let answer = cx.node.sync_as(name, &node.1, 0).await.unwrap();
        assert!(!answer.snapshot && answer.buckets.is_empty(), "{name} gets nothing but its share");
        changed += usize::from(answer.probing.is_some());
        *node = (answer.probing.unwrap_or_else(|| node.0.clone()), answer.cursor);
    }
    changed
}

async fn ten_nodes(cx: &TestContext) -> Nodes {
    let mut nodes = Nodes::new();
    for n in 1..=10 {
        let name = format!("node-{n}");
        nodes.insert(name.clone(), start(cx, &name).await);
    }
    refresh(cx, &mut nodes).await;
    nodes
}

fn probing(nodes: &Nodes, id: BucketId) -> Vec<&str> {
    nodes
        .iter()
        .filter(|(_, (share, _))| share.contains(id, ProbeGroup::All))
        .map(|(name, _)| name.as_str())
        .collect()
}

fn probe(cx: &TestContext, bucket_id: BucketId, status: ProbedStatus) -> BucketStatus {
    let failure = ProbeFailure { code: CheckCode::ConnectTimeout, message: "no answer".to_owned() };
    BucketStatus {
        bucket_id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: cx.clock.now(),
        failure: (status == ProbedStatus::Offline).then_some(failure),
        version: None,
    }
}

async fn release(cx: &TestContext, node: &str, id: BucketId) {
    let heartbeat = Heartbeat { ip: node.to_owned(), released: vec![id], ..FakeNode::heartbeat(vec![]) };
    cx.control.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await.unwrap();
}

#[tokio::test]
async fn three_of_ten_nodes_probe_each_bucket_and_one_that_leaves_hands_over_only_its_own() {
    let cx = TestContext::new().await;
    let mut nodes = ten_nodes(&cx).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(cx.unchecked(&format!("Bucket {n}")).await);
    }
    for (name, node) in &mut nodes {
        let answer = cx.node.sync_as(name, &node.1, 0).await.unwrap();
        assert_eq!(answer.buckets.len(), 20, "all serve all");
        node.1 = answer.cursor;
    }
    assert!(ids.iter().all(|id| probing(&nodes, *id).len() == 3));
    assert_eq!(refresh(&cx, &mut nodes).await, 0, "nobody is told what it knows");

    let before: Vec<Vec<String>> =
        ids.iter().map(|id| probing(&nodes, *id).into_iter().map(str::to_owned).collect()).collect();
    cx.clock.advance(SignedDuration::from_secs(50));
    for n in 1..10 {
        cx.node.beat_as(&format!("node-{n}"), vec![]).await.unwrap();
    }
    cx.clock.advance(SignedDuration::from_secs(15));
    nodes.remove("node-10");
    refresh(&cx, &mut nodes).await;
    for (id, before) in ids.iter().zip(before) {
        let after = probing(&nodes, *id);
        assert_eq!(after.len(), 3);
        let stayed = before.iter().filter(|node| after.contains(&node.as_str())).count();
        assert_eq!(stayed, before.iter().filter(|node| *node != "node-10").count());
    }
}

#[tokio::test]
async fn a_waiting_node_learns_at_once_that_its_share_changed() {
    let cx = TestContext::with(Settings { probing_nodes: 1, ..Settings::default() }).await;
    let (share, cursor) = shared(&cx, "node-1", "").await.unwrap();
    assert_eq!(share.share.mine.len(), 64, "it is alone");
    let node = cx.node.clone();
    let waiting = tokio::spawn(async move { node.sync(&cursor, 25).await.unwrap() });
    let (other, _) = start(&cx, "node-2").await;
    let answer = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    let share = answer.probing.unwrap();
    assert!(!share.share.mine.is_empty() && share.share.mine.len() + other.share.mine.len() == 64);
    assert!(share.share.mine.iter().all(|slot| !other.share.mine.contains(slot)));
}

#[tokio::test]
async fn a_restarted_control_plane_gives_no_share_to_others_before_nodes_could_report() {
    let mut cx = TestContext::new().await;
    let mut nodes = ten_nodes(&cx).await;
    let before = nodes.clone();
    cx.clock.advance(SignedDuration::from_mins(5));
    let control = cx.another_process(Settings::default());
    cx.control = control.clone();
    cx.node.control = control;
    refresh(&cx, &mut nodes).await;
    assert!(nodes.iter().all(|(name, node)| node.0 == before[name].0));
    cx.clock.advance(SignedDuration::from_secs(61));
    cx.node.beat_as("node-3", vec![]).await.unwrap();
    let (share, _) = shared(&cx, "node-3", &nodes["node-3"].1).await.unwrap();
    assert_eq!(share.share.mine.len(), 64, "the others are gone");
}

#[tokio::test]
async fn a_released_bucket_is_what_the_others_say_and_hides_no_outage() {
    use ProbedStatus::{Offline, Online};
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    cx.node.register_as("node-2").await.unwrap();
    cx.node.beat_as("node-1", vec![probe(&cx, id, Online)]).await.unwrap();
    cx.node.beat_as("node-2", vec![probe(&cx, id, Online)]).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(20));
    release(&cx, "node-1", id).await;
    cx.clock.advance(SignedDuration::from_secs(10));
    cx.node.beat_as("node-2", vec![probe(&cx, id, Offline)]).await.unwrap();
    cx.node.beat_as("node-1", vec![]).await.unwrap();
    let view = cx.control.bucket(&cx.owner, id).await.unwrap();
    assert_eq!(view.status, Status::Offline, "node 1 no longer looks");
    let found = cx.control.bucket_outages(&cx.owner, id, None, None).await.unwrap();
    assert_eq!(found.outages.len(), 1, "{:?}", found.outages);
    // The node starts to probe it again.
    cx.clock.advance(SignedDuration::from_secs(10));
    cx.node.beat_as("node-1", vec![probe(&cx, id, Online)]).await.unwrap();
    assert_eq!(cx.control.bucket(&cx.owner, id).await.unwrap().status, Status::Online);
}

#[tokio::test]
async fn a_node_that_was_stopped_while_it_probed_leaves_no_report_behind() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let mut nodes = Nodes::new();
    for n in 1..=10 {
        let name = format!("node-{n}");
        nodes.insert(name.clone(), start(&cx, &name).await);
        // It reports before it learns of the others.
        cx.node.beat_as(&name, vec![probe(&cx, id, ProbedStatus::Online)]).await.unwrap();
    }
    for name in nodes.keys() {
        start(&cx, name).await;
    }
    refresh(&cx, &mut nodes).await;
    let statuses = cx.control.bucket_status(&cx.owner, id).await.unwrap();
    let mut reporting: Vec<&str> = statuses.iter().map(|one| one.node.name.as_str()).collect();
    reporting.sort_unstable();
    assert_eq!(reporting, probing(&nodes, id));
}
