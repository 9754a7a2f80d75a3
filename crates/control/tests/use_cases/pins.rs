//! Buckets that are pinned to nodes and regions: which nodes get, validate and probe them, and what is refused.

use std::time::Duration;

use bucketry_control::buckets::{BucketInput, PinsInput};
use bucketry_control::repositories::RepositoryInput;
use bucketry_control::{Error, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::id::{BucketId, NodeId, RepoId};
use bucketry_model::node_protocol::{
    BucketStatus, Heartbeat, InventoryOrders, InventoryReport, Register, SyncAnswer,
};
use bucketry_model::pinning::BucketPins;
use bucketry_model::probe_share::ProbeGroup;
use bucketry_model::status::{ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use bucketry_store::audit::AuditFilter;
use jiff::SignedDuration;

use crate::support::{FakeNode, TestContext, attachment, sent};

const SOON: Duration = Duration::from_secs(10);

fn to_nodes(nodes: &[NodeId]) -> PinsInput {
    PinsInput { nodes: nodes.iter().map(ToString::to_string).collect(), regions: Vec::new() }
}

fn to_region(name: &str) -> PinsInput {
    PinsInput { nodes: Vec::new(), regions: vec![name.to_owned()] }
}

/// The changes that only pin a bucket.
fn pinned(pins: PinsInput) -> BucketInput {
    BucketInput { pinned_to: Some(pins), ..BucketInput::default() }
}

async fn pin(cx: &TestContext, id: BucketId, pins: PinsInput) {
    cx.control.update_bucket(&cx.owner, id, &pinned(pins)).await.unwrap();
}

async fn pins_of(cx: &TestContext, id: BucketId) -> BucketPins {
    cx.control.bucket(&cx.owner, id).await.unwrap().bucket.pinned_to
}

/// The buckets of an answer.
fn buckets(answer: &SyncAnswer) -> Vec<BucketId> {
    answer.buckets.iter().map(|bucket| bucket.id).collect()
}

/// The buckets to which the answer has routes of a repository. `None` if it doesn't mention the repository.
fn routes(answer: &SyncAnswer, id: RepoId) -> Option<Vec<BucketId>> {
    let repository = answer.repositories.iter().find(|repository| repository.id == id)?;
    Some(repository.buckets.iter().map(|bucket| bucket.bucket_id).collect())
}

fn online(cx: &TestContext, bucket_id: BucketId) -> BucketStatus {
    BucketStatus {
        bucket_id,
        status: ProbedStatus::Online,
        latency_ms: Some(5),
        created_at: cx.clock.now(),
        failure: None,
        version: None,
    }
}

#[tokio::test]
async fn a_bucket_moves_between_nodes_with_its_pins_and_without_a_snapshot() {
    let cx = TestContext::new().await;
    let first = cx.node.register().await.unwrap().id;
    let second = cx.node.register_in("node-2", "there").await.unwrap().id;
    let [photos, other] = [cx.bucket_called("photos").await, cx.bucket_called("other").await];
    let media = cx.repository_of("Media", &[(photos, ""), (other, "")]).await;
    let one = cx.node.sync_as("node-1", "", 0).await.unwrap();
    let two = cx.node.sync_as("node-2", "", 0).await.unwrap();
    assert_eq!((buckets(&one).len(), routes(&two, media)), (2, Some(vec![photos, other])));

    let waiting = {
        let (node, cursor) = (cx.node.clone(), two.cursor);
        tokio::spawn(async move { node.sync_as("node-2", &cursor, 25).await.unwrap() })
    };
    pin(&cx, photos, to_nodes(&[first])).await;
    let two = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert!(!two.snapshot);
    assert_eq!((two.removed.as_slice(), buckets(&two)), ([photos].as_slice(), vec![]));
    assert_eq!(routes(&two, media), Some(vec![other]));
    let one = cx.node.sync_as("node-1", &one.cursor, 0).await.unwrap();
    assert_eq!((one.removed.len(), buckets(&one), one.snapshot), (0, vec![photos], false));
    assert_eq!(routes(&one, media), Some(vec![photos, other]));
    let version = one.buckets[0].version;
    assert_eq!(one.buckets[0].config_version, 1, "requests in flight go on");

    pin(&cx, photos, to_region("THERE")).await;
    let one = cx.node.sync_as("node-1", &one.cursor, 0).await.unwrap();
    assert_eq!((one.removed.as_slice(), routes(&one, media)), ([photos].as_slice(), Some(vec![other])));
    let two = cx.node.sync_as("node-2", &two.cursor, 0).await.unwrap();
    assert_eq!((buckets(&two), routes(&two, media)), (vec![photos], Some(vec![photos, other])));
    assert!(two.buckets[0].version > version);
    assert_eq!(two.buckets[0].pinned_to.probe_group("there"), ProbeGroup::Region);

    // A node that starts gets what it serves.
    let start = cx.node.sync_as("node-1", "", 0).await.unwrap();
    assert_eq!((buckets(&start), routes(&start, media)), (vec![other], Some(vec![other])));
    pin(&cx, photos, PinsInput::default()).await;
    assert!(pins_of(&cx, photos).await.is_empty());
    for (name, cursor) in [("node-1", &one.cursor), ("node-2", &two.cursor)] {
        let answer = cx.node.sync_as(name, cursor, 0).await.unwrap();
        assert_eq!((buckets(&answer), routes(&answer, media)), (vec![photos], Some(vec![photos, other])));
    }
    pin(&cx, photos, to_nodes(&[second])).await;
    let record = cx.control.audit(&cx.owner, AuditFilter::default(), None, 1).await.unwrap().remove(0);
    let text = format!("{record:?}");
    assert!(text.contains("pinnedTo") && text.contains(&second.to_string()), "{text}");
}

#[tokio::test]
async fn only_nodes_that_serve_a_bucket_validate_it_and_report_on_it() {
    let cx = TestContext::new().await;
    let first = cx.node.register().await.unwrap().id;
    cx.node.register_in("node-2", "there").await.unwrap();
    let id = cx.unchecked("Photos").await;
    cx.node.beat_as("node-1", vec![online(&cx, id)]).await.unwrap();
    cx.node.beat_as("node-2", vec![online(&cx, id)]).await.unwrap();
    pin(&cx, id, to_nodes(&[first])).await;
    let status = cx.control.bucket_status(&cx.owner, id).await.unwrap();
    assert_eq!(status.iter().map(|one| one.node.name.as_str()).collect::<Vec<_>>(), ["node-1"]);
    cx.clock.advance(SignedDuration::from_secs(30));
    cx.node.beat_as("node-1", vec![]).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(1));
    cx.node.beat_as("node-2", vec![online(&cx, id)]).await.unwrap();
    assert_eq!(cx.control.bucket_status(&cx.owner, id).await.unwrap().len(), 1, "a late report");

    // Node 2 was heard from most recently, and would get the job otherwise.
    let _node = cx.node.work_on();
    let input = BucketInput::default();
    let validated = tokio::time::timeout(SOON, cx.control.validate_bucket(&cx.owner, id, &input)).await;
    assert_eq!(validated.unwrap().unwrap().status, Status::Online);
    // Fields of a validation take the place of the stored ones.
    let elsewhere = pinned(to_region("nowhere"));
    let refused = cx.control.validate_bucket(&cx.owner, id, &elsewhere).await;
    assert!(matches!(refused, Err(Error::NoPinnedNodeOnline)), "{refused:?}");
    let new = BucketInput { pinned_to: Some(to_region("nowhere")), ..cx.bucket("Films") };
    let refused = cx.control.create_bucket(&cx.owner, &new).await.unwrap_err();
    assert_eq!(refused.code(), "NO_NODE_ONLINE");
    assert!(refused.to_string().contains("pinned"), "{refused}");
    let unchecked = BucketInput { skip_validation: true, ..new };
    let films = cx.control.create_bucket(&cx.owner, &unchecked).await.unwrap().id;
    assert_eq!(pins_of(&cx, films).await.regions(), ["nowhere"]);
    let cleaned = cx.control.clean_uploads(&cx.owner, films, Some(86_400), true).await.unwrap_err();
    assert!(cleaned.to_string().contains("pinned"), "{cleaned}");
}

#[tokio::test]
async fn what_is_no_pin_is_refused_and_changes_nothing() {
    let cx = TestContext::new().await;
    let first = cx.node.register().await.unwrap().id;
    let id = cx.unchecked("Photos").await;
    pin(&cx, id, to_nodes(&[first])).await;
    let text = |nodes: &[&str], regions: &[&str]| PinsInput {
        nodes: nodes.iter().map(|one| (*one).to_owned()).collect(),
        regions: regions.iter().map(|one| (*one).to_owned()).collect(),
    };
    let many: Vec<String> = (0..17).map(|n| format!("region-{n}")).collect();
    let unknown = "0197a3b0-0000-7000-8000-0000000000bb";
    for (pins, field) in [
        (text(&[unknown], &[]), "pinnedTo.nodes"),
        (text(&["node-1"], &[]), "pinnedTo.nodes"),
        (text(&["", "\u{7}"], &[]), "pinnedTo.nodes"),
        (PinsInput { nodes: vec![unknown.to_owned(); 5_000], ..PinsInput::default() }, "pinnedTo.nodes"),
        (text(&[], &[" "]), "pinnedTo.regions"),
        (PinsInput { regions: many, ..PinsInput::default() }, "pinnedTo.regions"),
    ] {
        let refused = cx.control.update_bucket(&cx.owner, id, &pinned(pins.clone())).await.unwrap_err();
        let Error::Invalid(wrong) = &refused else { panic!("{refused:?}") };
        assert_eq!(wrong[0].field, field, "{refused}");
        let new = BucketInput { pinned_to: Some(pins), skip_validation: true, ..cx.bucket("Films") };
        assert!(matches!(cx.control.create_bucket(&cx.owner, &new).await, Err(Error::Invalid(_))));
    }
    assert_eq!(pins_of(&cx, id).await.nodes(), [first]);

    // A removed node stays, because it may come back, but it can't be named for another bucket.
    let leaves = cx.node.signed("/unregister", &serde_json::json!({ "ip": "node-1" }));
    cx.control.unregister_node(sent(&leaves), RequestOrigin::default()).await.unwrap();
    cx.node.register_in("node-2", "there").await.unwrap();
    let both = PinsInput { regions: vec!["there".to_owned()], ..to_nodes(&[first]) };
    pin(&cx, id, both).await;
    assert_eq!(pins_of(&cx, id).await.nodes(), [first]);
    let other = cx.unchecked("Films").await;
    let refused = cx.control.update_bucket(&cx.owner, other, &pinned(to_nodes(&[first]))).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_bucket_can_be_pinned_to_a_node_of_its_organization() {
    let cx = TestContext::new().await;
    let own = cx.node.of_organization(&cx.owner, "private").await;
    let id = cx.unchecked("Photos").await;
    let nodes = cx.control.nodes(&cx.owner).await.unwrap();
    let private = nodes.iter().find(|view| view.node.name == "private").unwrap().node.id;
    pin(&cx, id, to_nodes(&[private])).await;
    assert!(buckets(&cx.node.sync("", 0).await.unwrap()).is_empty());
    assert_eq!(buckets(&own.sync_as("private", "", 0).await.unwrap()), [id]);
}

#[tokio::test]
async fn the_nodes_of_a_region_share_the_probes_of_what_is_pinned_to_it() {
    let cx = TestContext::with(Settings { probing_nodes: 1, ..Settings::default() }).await;
    for (name, region) in [("node-2", "there"), ("node-3", "There"), ("node-4", "there")] {
        cx.node.register_in(name, region).await.unwrap();
    }
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(cx.unchecked(&format!("Bucket {n}")).await);
        pin(&cx, ids[n], to_region("there")).await;
    }
    let mut probing = vec![0; ids.len()];
    for name in ["node-2", "node-3", "node-4"] {
        let answer = cx.node.sync_as(name, "", 0).await.unwrap();
        assert_eq!(buckets(&answer).len(), ids.len(), "{name} serves all");
        let assigned = answer.probing.unwrap();
        for (count, id) in probing.iter_mut().zip(&ids) {
            *count += u32::from(assigned.contains(*id, ProbeGroup::Region));
        }
    }
    assert_eq!(probing, vec![1; ids.len()]);
    let elsewhere = cx.node.sync_as("node-1", "", 0).await.unwrap();
    assert!(buckets(&elsewhere).is_empty());
}

#[tokio::test]
async fn a_node_that_starts_elsewhere_takes_back_what_it_reported() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    pin(&cx, id, to_region("here")).await;
    cx.node.beat(vec![online(&cx, id)]).await.unwrap();
    assert_eq!(cx.control.bucket_status(&cx.owner, id).await.unwrap().len(), 1);
    cx.node.register_in("node-1", "there").await.unwrap();
    assert!(buckets(&cx.node.sync("", 0).await.unwrap()).is_empty());
    assert!(cx.control.bucket_status(&cx.owner, id).await.unwrap().is_empty());
}

#[tokio::test]
async fn walks_go_to_nodes_that_serve_the_bucket() {
    let cx = TestContext::new().await;
    cx.node.register_in("node-2", "there").await.unwrap();
    let mut ids = Vec::new();
    for n in 0..40 {
        let id = cx.unchecked(&format!("Bucket {n}")).await;
        pin(&cx, id, to_region(if n == 39 { "there" } else { "here" })).await;
        cx.control.start_inventory(&cx.owner, id).await.unwrap();
        cx.clock.advance(SignedDuration::from_millis(1));
        ids.push(id);
    }
    let report = InventoryReport { ip: "node-2".to_owned(), id_org: None, walks: Vec::new(), free: 4 };
    let message = sent(&cx.node.signed("/node/inventory", &report));
    let InventoryOrders { walks, .. } = cx.control.inventory_report(message).await.unwrap();
    let given: Vec<BucketId> = walks.iter().map(|walk| walk.bucket_id).collect();
    assert_eq!(given, [ids[39]], "although the others have been due for longer");
}

#[tokio::test]
async fn applications_are_not_sent_to_a_node_that_opens_no_secrets() {
    let cx = TestContext::new().await;
    let photos = cx.bucket_called("photos").await;
    let media = cx.repository_of("Media", &[(photos, "")]).await;
    let without_key = Register {
        ip: "keyless".to_owned(),
        provider: "test".to_owned(),
        status: "active".to_owned(),
        region: "here".to_owned(),
        version: "1".to_owned(),
        id_org: None,
        node_services: Some(1),
        recipients: Vec::new(),
    };
    let registration = sent(&cx.node.signed("/register", &without_key));
    cx.control.register_node(registration, RequestOrigin::default()).await.unwrap();
    for name in ["node-1", "keyless"] {
        let gateway_url = Some(format!("https://{name}.example.com").parse().unwrap());
        let heartbeat = Heartbeat { ip: name.to_owned(), gateway_url, ..FakeNode::heartbeat(vec![]) };
        cx.control.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await.unwrap();
    }
    let nodes = cx.control.nodes(&cx.owner).await.unwrap();
    assert_eq!(nodes.len(), 2);
    let repository = cx.control.repository(&cx.owner, media).await.unwrap();
    let serving: Vec<_> =
        repository.serving_nodes(&nodes).iter().map(|one| one.node.node.name.as_str()).collect();
    assert_eq!(serving, ["node-1"]);
}

#[tokio::test]
async fn applications_are_not_sent_to_a_node_without_the_master_of_a_mirror() {
    let cx = TestContext::new().await;
    let [master, replica] = [cx.bucket_called("master").await, cx.bucket_called("replica").await];
    let input = RepositoryInput {
        mode: Some("MIRROR".to_owned()),
        buckets: Some(vec![attachment(replica, "", false), attachment(master, "", true)]),
        ..cx.repository("Media", &[])
    };
    let media = cx.control.create_repository(&cx.owner, &input).await.unwrap().id;
    let gateway_url = Some("https://node-1.example.com".parse().unwrap());
    let heartbeat = Heartbeat { gateway_url, ..FakeNode::heartbeat(vec![]) };
    cx.control.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await.unwrap();
    let serving = async || {
        let nodes = cx.control.nodes(&cx.owner).await.unwrap();
        cx.control.repository(&cx.owner, media).await.unwrap().serving_nodes(&nodes).len()
    };
    assert_eq!(serving().await, 1);
    pin(&cx, replica, to_region("there")).await;
    assert_eq!(serving().await, 1, "its name leads to the master");
    pin(&cx, master, to_region("there")).await;
    assert_eq!(serving().await, 0);
    cx.newer_version_writes(&format!("UPDATE buckets SET storage_type = 'MOON' WHERE id = '{replica}'"))
        .await;
    assert_eq!(serving().await, 0, "whatever the other bucket is");
}
