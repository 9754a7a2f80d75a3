//! Findings of a deployment with a store and a node, and who sees them. What looking for them costs is in the test
//! `finding_costs`.

use bucketry_model::diagnosis::CheckCode;
use bucketry_model::finding::{Finding, FindingCode};
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::BucketStatus;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::status::{ProbeFailure, ProbedStatus};
use bucketry_model::time::Clock as _;
use jiff::SignedDuration;

use crate::support::TestContext;

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
