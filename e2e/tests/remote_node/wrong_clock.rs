//! Clocks that are wrong by an hour: that of a node from its start, that of a node that serves, and the control plane's.

use std::time::{Duration, SystemTime};

use bucketry_e2e::{FakeClock, RemoteNode, Result, eventually, list, needs_one_control_plane, text};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{ControlPlane, MISSED_WITHIN, control_plane, control_plane_with, get, put};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Why several control planes don't say whose clock is wrong in every case.
const ONE: &str = "each control plane compares only the clocks of nodes that it hears from";
const RIGHT: SignedDuration = SignedDuration::ZERO;
/// A refused node tries again after a minute at the latest. It then waits for approval or serves again.
const BACK_WITHIN: Duration = Duration::from_mins(3);

const ARGUMENTS: [&str; 6] = ["--region", "eu-west-1", "--provider", "AWS", "--probe-interval", "5"];

/// The time by this machine's clock, which is right.
fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or_default()
}

/// A node with this clock, which isn't approved yet.
async fn node_with(clock: &FakeClock, control_plane: &ControlPlane, name: &str) -> Result<RemoteNode> {
    let arguments = [&["--name", name][..], &ARGUMENTS[..]].concat();
    RemoteNode::start_program(&clock.program()?, control_plane.server.api(), &control_plane.key, &arguments)
        .await
}

async fn is_said(node: &RemoteNode, said: &str) -> Result<()> {
    let what = format!("the node saying {said:?}");
    eventually(&what, MISSED_WITHIN, async || Ok(node.log()), |log| log.contains(said)).await.map(drop)
}

async fn becomes(control_plane: &ControlPlane, name: &str, status: &str) -> Result<()> {
    let look = async || control_plane.node_status(name).await;
    eventually(&format!("{name} being {status}"), BACK_WITHIN, look, |now| now == status).await.map(drop)
}

/// What `doctor` says about a silent node, by the control plane's own time.
async fn silence(control_plane: &ControlPlane, name: &str) -> Result<Option<String>> {
    let owner = control_plane.server.owner().await?;
    let found = owner.get("/findings").send().await?.json_with_status(200)?;
    let is_it = |one: &&Value| one["code"] == "NODE_SILENT" && one["name"] == name;
    Ok(list(&found["findings"]).iter().find(is_it).map(|one| text(&one["message"]).to_owned()))
}

async fn is_explained(control_plane: &ControlPlane, name: &str, said: &str) -> Result<()> {
    let look = async || silence(control_plane, name).await;
    let what = format!("the finding about {name} saying {said:?}");
    let is_there = |found: &Option<String>| found.as_ref().is_some_and(|text| text.contains(said));
    eventually(&what, MISSED_WITHIN, look, is_there).await.map(drop)
}

/// Waits until everything is counted, once and at a time when it could have been sent.
async fn is_counted(control_plane: &ControlPlane, bucket: &str, bytes: u64, since: Timestamp) -> Result<()> {
    let look = async || control_plane.uploaded(bucket).await;
    eventually("everything being counted", MISSED_WITHIN, look, |counted| *counted >= bytes).await?;
    assert_eq!(look().await?, bytes, "nothing is counted twice");
    let (from, until) = (since - SignedDuration::from_hours(2), now() + SignedDuration::from_hours(2));
    let path = format!("/stats/minute?bucketId={bucket}&startDate={from}&endDate={until}");
    let minutes = control_plane.owner.get(&path).send().await?.json_with_status(200)?;
    let during = since.as_second() - 60..=now().as_second();
    let counted = list(&minutes["data"]);
    assert!(!counted.is_empty(), "{minutes}");
    for minute in counted {
        assert!(minute["timestamp"].as_i64().is_some_and(|at| during.contains(&at)), "{during:?}: {minutes}");
    }
    Ok(())
}

#[tokio::test]
async fn nodes_that_start_with_a_wrong_clock_say_so_and_are_online_once_it_is_right() -> Result<()> {
    needs_one_control_plane!(ONE);
    // `cargo xtask test` counts this as skipped where libfaketime is missing, as it does the others here.
    let (Some(ahead), Some(behind)) = (FakeClock::new(HOUR)?, FakeClock::new(-HOUR)?) else { return Ok(()) };
    let control_plane = control_plane().await?;
    let _right = control_plane.node("right").await?;
    becomes(&control_plane, "right", "ONLINE").await?;
    let nodes = [
        (node_with(&ahead, &control_plane, "ahead").await?, "ahead", "ahead of"),
        (node_with(&behind, &control_plane, "behind").await?, "behind", "behind"),
    ];
    for (node, name, differs) in &nodes {
        is_said(node, &format!("its timestamp is 1 h 0 min {differs} the control plane's clock")).await?;
        is_said(node, "correct the clock of this node's machine").await?;
        assert!(!node.log().contains("must know the key"), "{}", node.log());
        assert_eq!(control_plane.node_status(name).await?, "UNKNOWN");
        let ready: Value = node.get("/ready").send().await?.json_with_status(503)?;
        assert!(text(&ready["message"]).contains("not registered"), "{ready}");
    }
    let log = control_plane.server.log();
    // Of nodes that aren't registered, it names one per minute.
    assert!(log.contains("refusing a node's messages: its clock is 1 h 0 min"), "{log}");

    let before = nodes.each_ref().map(|(node, ..)| node.process_id());
    ahead.set(RIGHT)?;
    behind.set(RIGHT)?;
    for (_, name, _) in &nodes {
        let look = async || control_plane.node_status(name).await;
        eventually("the registration", BACK_WITHIN, look, |status| status != "UNKNOWN").await?;
        control_plane.owner.approve_node(name).await?;
        becomes(&control_plane, name, "ONLINE").await?;
    }
    assert_eq!(nodes.each_ref().map(|(node, ..)| node.process_id()), before, "without a restart");
    Ok(())
}

#[tokio::test]
async fn a_serving_node_whose_clock_jumps_ahead_and_back_is_explained_and_counts_once() -> Result<()> {
    needs_one_control_plane!(ONE);
    let Some(clock) = FakeClock::new(RIGHT)? else { return Ok(()) };
    let control_plane = control_plane().await?;
    let _right = control_plane.node("right").await?;
    let starting = node_with(&clock, &control_plane, "jumping");
    let (node, approved) = tokio::join!(starting, control_plane.owner.approve_node("jumping"));
    approved?;
    let node = node?;
    becomes(&control_plane, "jumping", "ONLINE").await?;
    let began = now();
    let (bucket, access) = control_plane.serve_bucket(&node, "Jumping").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    is_counted(&control_plane, &bucket, 1_000, began).await?;

    clock.set(HOUR)?;
    let refused = access.object(Method::GET, "before.txt").send().await?;
    assert_eq!(refused.status, 403, "{}", refused.text());
    for said in ["<Code>RequestTimeTooSkewed</Code>", "Correct the clock of the client or of the gateway"] {
        assert!(refused.text().contains(said), "{}", refused.text());
    }
    // A client with the same time is let in, but the provider refuses the node. What it sent counts, dated an hour ahead.
    let path = format!("/{}/meanwhile.txt", access.bucket);
    let refused = access.signed(Method::PUT, &path, HOUR).raw("text/plain", vec![b'x'; 300]).send().await?;
    assert_eq!(refused.status, 503, "{}", refused.text());
    let said = "the clocks of this node and the provider are too far apart";
    assert!(refused.text().contains(said), "{}", refused.text());
    is_said(&node, "its timestamp is 1 h 0 min ahead of the control plane's clock").await?;
    is_said(&node, "correct the clock of this node's machine").await?;
    becomes(&control_plane, "jumping", "DISCONNECTED").await?;
    is_explained(&control_plane, "jumping", "its clock is 1 h 0 min ahead of the control plane's clock")
        .await?;
    is_explained(&control_plane, "jumping", "correct the clock of this node's machine").await?;
    assert_eq!(control_plane.node_status("right").await?, "ONLINE");
    let refused = access.object(Method::GET, "before.txt").send().await?;
    assert!(
        refused.text().contains("RequestTimeTooSkewed"),
        "its configuration isn't old: {}",
        refused.text()
    );

    clock.set(RIGHT)?;
    assert_eq!(put(&access, "after.txt", 20).await?, 200, "it serves at once");
    becomes(&control_plane, "jumping", "ONLINE").await?;
    is_counted(&control_plane, &bucket, 1_320, began).await?;
    let look = async || silence(&control_plane, "jumping").await;
    eventually("the finding being gone", MISSED_WITHIN, look, Option::is_none).await?;
    let status = async || control_plane.owner.status_of(&bucket).await;
    eventually("the bucket being ONLINE", MISSED_WITHIN, status, |status| status == "ONLINE").await?;
    Ok(())
}

#[tokio::test]
async fn a_control_plane_whose_clock_jumps_ahead_does_not_blame_its_nodes() -> Result<()> {
    needs_one_control_plane!(ONE);
    let Some(clock) = FakeClock::new(RIGHT)? else { return Ok(()) };
    let control_plane = control_plane_with(|options| clock.of_server(options)).await?;
    let nodes = [control_plane.node("first").await?, control_plane.node("second").await?];
    for name in ["first", "second"] {
        becomes(&control_plane, name, "ONLINE").await?;
    }
    let began = now();
    let (bucket, access) = control_plane.serve_bucket(&nodes[0], "Ahead").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    is_counted(&control_plane, &bucket, 1_000, began).await?;

    clock.set(HOUR)?;
    for (node, name) in nodes.iter().zip(["first", "second"]) {
        is_said(node, "its timestamp is 1 h 0 min behind the control plane's clock").await?;
        is_said(node, "the control plane's clock is probably wrong").await?;
        assert!(!node.log().contains("correct the clock of this node's machine"), "{}", node.log());
        is_explained(&control_plane, name, "the control plane's clock is probably wrong").await?;
    }
    assert!(!control_plane.server.log().contains("correct the clock of this node's machine"));
    assert_eq!(put(&access, "meanwhile.txt", 300).await?, 200, "nodes serve by their own clocks");
    assert_eq!(get(&access, "before.txt").await?, 200);

    clock.set(RIGHT)?;
    for name in ["first", "second"] {
        becomes(&control_plane, name, "ONLINE").await?;
    }
    is_counted(&control_plane, &bucket, 1_300, began).await
}
