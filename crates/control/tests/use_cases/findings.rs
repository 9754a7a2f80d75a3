//! Findings of a deployment with a store and a node, and who sees them. What looking for them costs is in the test
//! `finding_costs`.

use bucketry_control::buckets::BucketInput;
use bucketry_control::organizations::Registration;
use bucketry_control::{Control, Settings};
use bucketry_model::audit::RequestOrigin;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode};
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{BucketStatus, Heartbeat, UsageBatch};
use bucketry_model::role::WorkspaceRole;
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use bucketry_model::usage::UsageRow;
use jiff::SignedDuration;

use crate::support::{FakeNode, TestContext, sent};

fn probe(cx: &TestContext, bucket_id: BucketId, code: Option<CheckCode>) -> BucketStatus {
    BucketStatus {
        bucket_id,
        status: if code.is_some() { ProbedStatus::Offline } else { ProbedStatus::Online },
        latency_ms: code.is_none().then_some(5),
        created_at: cx.clock.now(),
        failure: code.map(|code| ProbeFailure { code, message: "It is gone.".to_owned() }),
        version: None,
    }
}

fn pass(cx: &TestContext, seconds: i64) {
    cx.clock.advance(SignedDuration::from_secs(seconds));
}

async fn found(cx: &TestContext) -> Vec<Finding> {
    cx.control.findings(&cx.owner).await.unwrap()
}

async fn codes(cx: &TestContext) -> Vec<FindingCode> {
    found(cx).await.into_iter().map(|one| one.key.code).collect()
}

#[tokio::test]
async fn an_outage_is_found_with_what_it_affects_and_ends() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    cx.repository_of("media", &[(id, "a")]).await;
    cx.node.beat(vec![probe(&cx, id, None)]).await.unwrap();
    assert_eq!(codes(&cx).await, []);

    pass(&cx, 10);
    cx.node.beat(vec![probe(&cx, id, Some(CheckCode::BucketNotFound))]).await.unwrap();
    assert_eq!(codes(&cx).await, [], "it may be a flap");
    pass(&cx, 30);
    let [outage] = &found(&cx).await[..] else { panic!("one finding") };
    assert_eq!(outage.key.code, FindingCode::BucketOffline);
    assert_eq!(outage.sentence, "It is gone. The repository media uses it.");
    assert_eq!(outage.command.as_deref(), Some("bucket validate Photos"));

    cx.node.beat(vec![probe(&cx, id, None)]).await.unwrap();
    assert_eq!(codes(&cx).await, []);
}

#[tokio::test]
async fn a_silent_node_is_one_finding_for_all_its_buckets() {
    let cx = TestContext::new().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(cx.bucket_called(name).await);
    }
    cx.node.beat(ids.iter().map(|id| probe(&cx, *id, None)).collect()).await.unwrap();
    pass(&cx, 60);
    let [silence] = &found(&cx).await[..] else { panic!("one finding: {:?}", found(&cx).await) };
    assert_eq!((silence.key.code, &*silence.name), (FindingCode::NodeSilent, "node-1"));
    assert!(silence.sentence.contains("3 buckets"), "{}", silence.sentence);
    let all = cx.control.all_findings().await.unwrap();
    assert_eq!(all[0].scan.findings.len(), 4, "tasks get the buckets, too");
    cx.node.beat(vec![]).await.unwrap();
    assert_eq!(codes(&cx).await, []);
}

#[tokio::test]
async fn a_caller_sees_what_concerns_the_own_workspaces() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    cx.node.beat(vec![probe(&cx, id, Some(CheckCode::BucketNotFound))]).await.unwrap();
    pass(&cx, 30);
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let outsider = cx.member("outsider@example.com", None).await;
    assert_eq!(cx.control.findings(&reader).await.unwrap().len(), 1);
    assert_eq!(cx.control.findings(&outsider).await.unwrap().len(), 0);
    pass(&cx, 60);
    for caller in [&reader, &outsider] {
        let [silence] = &cx.control.findings(caller).await.unwrap()[..] else { panic!("the node's silence") };
        assert_eq!(silence.key.code, FindingCode::NodeSilent, "nodes are everybody's");
    }
}

#[tokio::test]
async fn backups_concern_only_the_organization_that_operates_the_deployment() {
    let settings = Settings {
        backup_max_age: Some(SignedDuration::from_hours(24)),
        open_registration: true,
        ..Settings::default()
    };
    let cx = TestContext::with(settings).await;
    // The first organization is identified by its age.
    cx.clock.advance(SignedDuration::from_secs(1));
    let registration = Registration {
        email: "other@example.org".to_owned(),
        password: Secret::new("Correct-Horse-2"),
        first_name: "Other".to_owned(),
        last_name: "Owner".to_owned(),
        company_name: "Elsewhere".to_owned(),
    };
    let session = cx.control.register(registration, RequestOrigin::default()).await.unwrap();
    let other = cx.control.authenticate(&session.access_token).await.unwrap();
    pass(&cx, 24 * 3_600);
    cx.node.beat(vec![]).await.unwrap();
    assert_eq!(codes(&cx).await, [FindingCode::BackupOld]);
    assert_eq!(cx.control.findings(&other).await.unwrap(), []);
}

#[tokio::test]
async fn a_backup_ends_its_finding_at_once() {
    let settings = Settings { backup_max_age: Some(SignedDuration::from_hours(24)), ..Settings::default() };
    let cx = TestContext::with(settings).await;
    pass(&cx, 24 * 3_600);
    cx.node.beat(vec![]).await.unwrap();
    assert_eq!(codes(&cx).await, [FindingCode::BackupOld]);
    let at_once = async || cx.control.all_findings().await.unwrap()[0].scan.clone();
    assert_eq!(at_once().await.findings.len(), 1);
    // As `bucketry backup` does it, in another process.
    cx.control.store().record_backup(cx.clock.now()).await.unwrap();
    assert_eq!(codes(&cx).await, []);
    assert_eq!(at_once().await.findings.len(), 0);
}

#[tokio::test]
async fn that_no_node_is_registered_is_for_administrators_to_know() {
    let cx = TestContext::new().await;
    let member = cx.member("member@example.com", Some(WorkspaceRole::Admin)).await;
    let leaves = cx.node.signed("/unregister", &serde_json::json!({ "ip": "node-1" }));
    cx.control.unregister_node(sent(&leaves), RequestOrigin::default()).await.unwrap();
    assert_eq!(codes(&cx).await, [FindingCode::NodeSilent]);
    assert_eq!(cx.control.findings(&member).await.unwrap(), []);
}

#[tokio::test]
async fn a_finding_appears_with_time_alone() {
    let settings = Settings { backup_max_age: Some(SignedDuration::from_hours(24)), ..Settings::default() };
    let cx = TestContext::with(settings).await;
    cx.node.beat(vec![]).await.unwrap();
    assert_eq!(codes(&cx).await, []);
    pass(&cx, 24 * 3_600);
    cx.node.beat(vec![]).await.unwrap();
    assert_eq!(codes(&cx).await, [FindingCode::BackupOld]);
}

#[tokio::test]
async fn buckets_that_are_repeated_or_unused_are_found_when_all_are_gone_through() {
    use FindingCode::{BucketUnused, BucketsOverlap};
    let unused_after = Some(SignedDuration::from_hours(24 * 90));
    let cx = TestContext::with(Settings { unused_after, ..Settings::default() }).await;
    let photos = cx.unchecked("Photos").await;
    // The finding is about the oldest.
    cx.clock.advance(SignedDuration::from_secs(1));
    let copy = cx.unchecked("Copy").await;
    let endpoint = Some("https://elsewhere.example.com".to_owned());
    let input = BucketInput { endpoint, skip_validation: true, ..cx.bucket("Namesake") };
    let namesake = cx.control.create_bucket(&cx.owner, &input).await.unwrap().id;
    let look = async |ids: &[BucketId]| {
        cx.node.beat(ids.iter().map(|id| probe(&cx, *id, None)).collect()).await.unwrap();
        cx.control.tidy().await.unwrap();
        let mut found: Vec<_> = found(&cx).await.into_iter().map(|one| (one.key.code, one.name)).collect();
        found.sort();
        found
    };
    let overlap = (BucketsOverlap, "Photos".to_owned());
    assert_eq!(look(&[photos, copy, namesake]).await, std::slice::from_ref(&overlap));
    let sentence = found(&cx).await.remove(0).sentence;
    assert!(sentence.contains("Copy") && !sentence.contains("Namesake"), "{sentence}");
    let outsider = cx.member("outsider@example.com", None).await;
    assert!(cx.control.findings(&outsider).await.unwrap().is_empty());

    pass(&cx, 91 * 86_400);
    let new = cx.bucket_called("new").await;
    let minute = cx.clock.now().as_second() / 60 * 60;
    let row = UsageRow { requests: 1, reads: 1, ..UsageRow::empty(minute, photos, None) };
    let used = UsageBatch { spool: "spool-1".to_owned(), number: 1, rows: vec![row] };
    cx.node.beat(vec![]).await.unwrap();
    cx.node.count(used).await.unwrap();
    let mut expected =
        vec![overlap, (BucketUnused, "Copy".to_owned()), (BucketUnused, "Namesake".to_owned())];
    expected.sort();
    assert_eq!(look(&[photos, copy, namesake, new]).await, expected, "neither a used one nor a new one");
}

#[tokio::test]
async fn a_node_that_runs_twice_is_found_while_both_report_to_any_process() {
    let cx = TestContext::new().await;
    let there = cx.another_process(Settings::default());
    let beat = async |process: &str, control: &Control| {
        pass(&cx, 10);
        let heartbeat = Heartbeat { process: Some(process.to_owned()), ..FakeNode::heartbeat(vec![]) };
        control.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await.unwrap();
    };
    for _ in 0..5 {
        beat("before the restart", &cx.control).await;
    }
    for _ in 0..10 {
        beat("after the restart", &there).await;
    }
    assert_eq!(codes(&cx).await, []);
    for _ in 0..7 {
        beat("its copy", &there).await;
        beat("after the restart", &cx.control).await;
    }
    let [twice] = &found(&cx).await[..] else { panic!("one finding") };
    assert_eq!((twice.key.code, &*twice.name), (FindingCode::NodeDuplicated, "node-1"));
    for _ in 0..6 {
        beat("its copy", &cx.control).await;
    }
    assert_eq!(codes(&cx).await, [], "one has stopped");
    // A node of an older version doesn't name its process.
    for _ in 0..10 {
        pass(&cx, 10);
        cx.node.beat(vec![]).await.unwrap();
        beat("its copy", &cx.control).await;
    }
    assert_eq!(codes(&cx).await, []);
}

#[tokio::test]
async fn the_absence_of_nodes_ends_at_each_process_with_the_first_that_is_approved() {
    let cx = TestContext::new().await;
    let there = cx.another_process(Settings::default());
    let only = cx.node.register().await.unwrap().id;
    cx.control.delete_deployment_node(&cx.owner, only, true).await.unwrap();
    let far = cx.node.elsewhere("far-away").await;
    let titles = async |process: &Control| {
        let findings = process.findings(&cx.owner).await.unwrap();
        findings.into_iter().map(|one| one.title).collect::<Vec<_>>()
    };
    let is_reported = |titles: &[String]| titles.iter().any(|title| title == "No node is registered");
    assert!(is_reported(&titles(&cx.control).await) && is_reported(&titles(&there).await));

    let id = far.register_as("far-away").await.unwrap().id;
    titles(&there).await;
    cx.control.approve_node(&cx.owner, id, &far.recipient()).await.unwrap();
    // This process still has the nodes of a moment ago.
    assert!(is_reported(&titles(&there).await));
    assert!(!is_reported(&titles(&cx.control).await), "at once where it was approved");
    pass(&cx, 1);
    assert!(!is_reported(&titles(&there).await), "within a second elsewhere");
}

#[tokio::test]
async fn an_organization_whose_findings_cannot_be_read_is_passed_over() {
    let cx = TestContext::with(Settings { open_registration: true, ..Settings::default() }).await;
    let another = cx.another_owner().await;
    let seen = async || {
        cx.clock.advance(SignedDuration::from_mins(2));
        let all = cx.control.all_findings().await.unwrap();
        all.into_iter().map(|one| one.org_id).collect::<Vec<_>>()
    };
    assert_eq!(seen().await, [cx.owner.org_id, another.org_id]);
    let rule = "INSERT INTO freshness_rules (bucket_id, prefix, org_id, min_bytes, max_age_seconds, set_at, due_at, stale_since) \
                VALUES ('x', '', '{}', -1, 1, 1, 1, 1)";
    cx.newer_version_writes(&rule.replace("{}", &cx.owner.org_id.to_string())).await;
    assert_eq!(seen().await, [another.org_id]);
}
