//! Tests in which the clocks of nodes and of the control plane differ: which one is said to be wrong, and to which time traffic
//! is counted.

use std::sync::Arc;

use bucketry_control::traffic::SeriesInput;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::node_protocol::{Heartbeat, UsageBatch};
use bucketry_model::time::Clock as _;
use bucketry_model::usage::{Resolution, UsageRow};
use jiff::SignedDuration;

use crate::support::{FakeNode, TestContext, sent};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Why the heartbeat of a node whose clock is ahead is refused.
async fn refusal(node: &FakeNode, name: &str, ahead: SignedDuration) -> String {
    match node.with_clock_ahead(ahead).beat_as(name, vec![]).await {
        Err(Error::NodeClock(message)) => message,
        other => unreachable!("{other:?}"),
    }
}

/// An approved node on another machine.
async fn another(cx: &TestContext, name: &str) -> FakeNode {
    let node = cx.node.elsewhere(name).await;
    let id = node.register_as(name).await.unwrap().id;
    cx.control.approve_node(&cx.owner, id, &node.recipient()).await.unwrap();
    node
}

#[tokio::test]
async fn the_clock_that_differs_from_most_others_is_to_be_corrected() {
    let cx = TestContext::new().await;
    let second = another(&cx, "second").await;
    let alone = refusal(&second, "second", HOUR).await;
    assert!(alone.contains("1 h 0 min ahead of the control plane's clock"), "{alone}");
    // The first node runs in the process of the control plane, and proves nothing.
    assert!(alone.contains("check the clocks of the node and the control plane"), "{alone}");

    let third = another(&cx, "third").await;
    let outvoted = refusal(&second, "second", HOUR).await;
    assert!(outvoted.contains("correct the clock of this node's machine"), "{outvoted}");
    let both = refusal(&third, "third", HOUR).await;
    assert!(both.contains("the control plane's clock is probably wrong"), "{both}");
    let other_way = refusal(&third, "third", -HOUR).await;
    assert!(other_way.contains("1 h 0 min behind"), "{other_way}");
    assert!(other_way.contains("check the clocks"), "each shows another time: {other_way}");
}

#[tokio::test]
async fn a_node_that_is_silent_because_of_its_clock_is_found_with_the_remedy_until_it_is_right() {
    let cx = TestContext::new().await;
    let (second, _third) = (another(&cx, "second").await, another(&cx, "third").await);
    cx.clock.advance(SignedDuration::from_secs(50));
    cx.node.beat(vec![]).await.unwrap();
    cx.node.beat_as("third", vec![]).await.unwrap();
    refusal(&second, "second", -HOUR).await;
    cx.clock.advance(SignedDuration::from_secs(11));
    let found = cx.control.findings(&cx.owner).await.unwrap();
    let [silent] = &found[..] else { panic!("{found:?}") };
    assert_eq!(silent.name, "second");
    assert!(
        silent.sentence.contains("Its messages are refused: its clock is 1 h 0 min behind"),
        "{}",
        silent.sentence
    );
    assert!(silent.sentence.contains("correct the clock of this node's machine"), "{}", silent.sentence);
    second.beat_as("second", vec![]).await.unwrap();
    assert!(cx.control.findings(&cx.owner).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_that_nobody_signed_says_nothing_about_clocks() {
    let cx = TestContext::new().await;
    let (second, _third) = (another(&cx, "second").await, another(&cx, "third").await);
    let mut stranger = second.clone();
    stranger.key = bucketry_vault::NodeSigningKey::generate().unwrap().into();
    let refused = refusal(&stranger, "second", HOUR).await;
    assert!(refused.contains("check the clocks of the node and the control plane"), "{refused}");
    cx.clock.advance(SignedDuration::from_secs(61));
    cx.node.beat(vec![]).await.unwrap();
    cx.node.beat_as("third", vec![]).await.unwrap();
    let found = cx.control.findings(&cx.owner).await.unwrap();
    assert!(found[0].sentence.contains("Check that it is running"), "{}", found[0].sentence);
}

#[tokio::test]
async fn traffic_of_a_node_whose_clock_was_ahead_counts_when_it_is_reported() {
    let cx = TestContext::new().await;
    let id = cx.unchecked("Photos").await;
    let this_minute = cx.clock.now().as_second() / 60 * 60;
    let row = |minute| UsageRow { requests: 1, upload_bytes: 10, ..UsageRow::empty(minute, id, None) };
    let minutes =
        [this_minute - 7_200, this_minute, this_minute + 300, this_minute + 3_600, this_minute + 3_660];
    let rows = minutes.map(row).to_vec();
    cx.node.count(UsageBatch { spool: "spool".to_owned(), number: 1, rows }).await.unwrap();
    let input = SeriesInput {
        resolution: Resolution::Minute,
        from: None,
        until: Some(cx.clock.now() + 2 * HOUR),
        workspace: None,
        buckets: None,
        repositories: None,
        hosts: Vec::new(),
    };
    let series = cx.control.series(&cx.owner, input).await.unwrap();
    let page = cx.control.series_page(&series, None, 10).await.unwrap();
    let counted: Vec<_> =
        page.iter().map(|one| (one.point.position.at, one.point.counts.upload_bytes)).collect();
    assert_eq!(counted, [(this_minute + 300, 10), (this_minute, 30), (this_minute - 7_200, 10)]);
}

#[tokio::test]
async fn an_unregistered_node_whose_clock_is_wrong_is_told_about_its_clock_first() {
    let cx = TestContext::new().await;
    let told = refusal(&cx.node, "unknown", HOUR).await;
    assert!(told.contains("1 h 0 min ahead"), "{told}");
    let then = cx.node.beat_as("unknown", vec![]).await;
    assert!(matches!(then, Err(Error::NotFound(ResourceKind::Node))), "{then:?}");
}

#[tokio::test]
async fn a_repeated_message_says_nothing_about_clocks() {
    let cx = TestContext::new().await;
    let (second, _third) = (another(&cx, "second").await, another(&cx, "third").await);
    let heartbeat = Heartbeat { ip: "second".to_owned(), ..FakeNode::heartbeat(vec![]) };
    let timely = second.signed("/node/status", &heartbeat);
    cx.control.heartbeat(sent(&timely)).await.unwrap();
    cx.clock.advance(SignedDuration::from_secs(61));
    cx.node.beat(vec![]).await.unwrap();
    cx.node.beat_as("third", vec![]).await.unwrap();
    refusal(&second, "second", -HOUR).await;
    let repeated = cx.control.heartbeat(sent(&timely)).await;
    assert!(matches!(repeated, Err(Error::NodeMessage(_))), "{repeated:?}");
    let found = cx.control.findings(&cx.owner).await.unwrap();
    assert!(found[0].sentence.contains("its clock is 1 h 0 min behind"), "{}", found[0].sentence);
}

#[tokio::test]
async fn who_has_a_key_and_invents_names_has_nothing_examined_again() {
    let cx = TestContext::new().await;
    let (second, third) = (another(&cx, "second").await, another(&cx, "third").await);
    let scan = async || Arc::clone(&cx.control.all_findings().await.unwrap()[0].scan);
    let before = scan().await;
    for name in ["invented", "another", "and another"] {
        refusal(&second, name, HOUR).await;
    }
    assert!(Arc::ptr_eq(&before, &scan().await));
    refusal(&second, "second", HOUR).await;
    let refused = scan().await;
    assert!(!Arc::ptr_eq(&before, &refused), "it explains why the node is silent");
    // Each with another reason.
    for ahead in [-HOUR, HOUR] {
        refusal(&third, "third", ahead).await;
        refusal(&second, "second", ahead).await;
    }
    let once = scan().await;
    for ahead in [-HOUR, HOUR] {
        refusal(&second, "second", ahead).await;
        second.sync_as("second", "c.0", 0).await.unwrap();
    }
    assert!(Arc::ptr_eq(&once, &scan().await), "within a minute, a node's refusals count once");
}

#[tokio::test]
async fn findings_say_of_all_refused_nodes_what_their_messages_are_answered() {
    let cx = TestContext::new().await;
    let nodes = [another(&cx, "second").await, another(&cx, "third").await, another(&cx, "fourth").await];
    cx.clock.advance(SignedDuration::from_secs(61));
    cx.node.beat(vec![]).await.unwrap();
    let clocks = [("second", -HOUR), ("third", -HOUR), ("fourth", HOUR)];
    for (node, (name, ahead)) in nodes.iter().zip(clocks).chain(nodes.iter().zip(clocks)) {
        refusal(node, name, ahead).await;
    }
    let found = cx.control.findings(&cx.owner).await.unwrap();
    for (node, (name, ahead)) in nodes.iter().zip(clocks) {
        let message = refusal(node, name, ahead).await;
        let explanation = message.split_once("its timestamp ").unwrap().1;
        let finding = found.iter().find(|one| one.name == name).unwrap();
        assert!(finding.sentence.contains(explanation), "{}: {message}", finding.sentence);
    }
}
