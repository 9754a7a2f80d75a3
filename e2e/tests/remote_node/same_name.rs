//! Two machines that run a node of one name: one is a copy of the other, or its operator chose a name that is in use.

use std::time::Duration;

use bucketry_e2e::{RemoteNode, Result, eventually, list, text};
use serde_json::Value;

use super::{ControlPlane, FREE_WITHIN, MISSED_WITHIN, SOON, at, control_plane, get, put};

/// Each process reports every 20 seconds, and both must have done so for 100 seconds.
const FOUND_WITHIN: Duration = Duration::from_mins(4);

/// What `doctor` says about a node that runs twice.
async fn duplicate(control_plane: &ControlPlane) -> Result<Option<Value>> {
    let found = control_plane.owner.get("/findings").send().await?.json_with_status(200)?;
    Ok(list(&found["findings"]).iter().find(|one| one["code"] == "NODE_DUPLICATED").cloned())
}

/// The node of this name, which there is once.
async fn listed(control_plane: &ControlPlane, name: &str) -> Result<Value> {
    let nodes = control_plane.owner.get("/node").send().await?.json_with_status(200)?;
    let found: Vec<_> = list(&nodes["data"]).iter().filter(|node| node["ip"] == name).collect();
    assert!(found.len() <= 1, "{nodes}");
    Ok(found.first().map(|node| (*node).clone()).unwrap_or_default())
}

#[tokio::test]
async fn a_node_whose_machine_was_copied_is_found_and_nothing_is_lost_or_counted_twice() -> Result<()> {
    let mut control_plane = control_plane().await?;
    let mut node = control_plane.node("twice").await?;
    let (bucket, access) = control_plane.serve_bucket(&node, "Twice").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    let uploaded = async || control_plane.uploaded(&bucket).await;
    eventually("the first upload being counted", SOON, uploaded, |bytes| *bytes == 1_000).await?;

    // Traffic waits at the node when it is copied.
    control_plane.server.kill_hard().await?;
    assert_eq!(put(&access, "waiting.txt", 500).await?, 200);
    assert_eq!(node.terminate().await?.and_then(|status| status.code()), Some(0), "{}", node.log());
    let mut copy = node.start_copy().await?;
    node.restart().await?;
    control_plane.server.restart().await?;

    for (name, one, bytes) in [("node.txt", &node, 30), ("copy.txt", &copy, 7)] {
        let look = async || put(&at(one, &access), name, bytes).await;
        assert_eq!(look().await?, 200, "{name}");
    }
    let uploaded = async || control_plane.uploaded(&bucket).await;
    eventually("all traffic being counted", SOON, uploaded, |bytes| *bytes >= 1_537).await?;
    let look = async || duplicate(&control_plane).await;
    let found =
        eventually("both being noticed", FOUND_WITHIN, look, Option::is_some).await?.unwrap_or_default();
    assert_eq!(found["name"], "twice", "{found}");
    assert!(text(&found["message"]).contains("give it another --name"), "{found}");
    for one in [&node, &copy] {
        assert_eq!(get(&at(one, &access), "waiting.txt").await?, 200, "both serve");
    }
    assert_eq!(control_plane.uploaded(&bucket).await?, 1_537, "no traffic is lost or counted twice");

    copy.terminate().await?;
    let look = async || duplicate(&control_plane).await;
    eventually("the end of it", MISSED_WITHIN, look, Option::is_none).await?;
    assert_eq!(get(&at(&node, &access), "copy.txt").await?, 200);
    assert_eq!(control_plane.node_status("twice").await?, "ONLINE");
    Ok(())
}

#[tokio::test]
async fn a_second_machine_with_the_name_of_a_node_does_not_take_its_place_while_it_runs() -> Result<()> {
    let control_plane = control_plane().await?;
    let mut node = control_plane.node("chosen").await?;
    let (_, access) = control_plane.serve_bucket(&node, "First").await?;
    assert_eq!(put(&access, "hello.txt", 11).await?, 200);
    let recipient = listed(&control_plane, "chosen").await?["recipient"].clone();

    let second =
        RemoteNode::start(control_plane.server.api(), &control_plane.key, &["--name", "chosen"]).await?;
    let log = async || Ok(second.log());
    let is_explained = |log: &String| log.contains("is connected and has another vault.key");
    eventually("the refusal being explained", SOON, log, is_explained).await?;
    let kept = listed(&control_plane, "chosen").await?;
    assert_eq!((&kept["approval"], &kept["recipient"]), (&"APPROVED".into(), &recipient), "{kept}");
    assert_eq!(get(&at(&second, &access), "hello.txt").await?, 503, "it knows no key");
    let (_, later) = control_plane.serve_bucket(&node, "Later").await?;
    assert_eq!(put(&later, "hello.txt", 11).await?, 200, "the first node gets changes as before");

    node.kill_hard().await?;
    let look = async || listed(&control_plane, "chosen").await;
    let taken =
        eventually("the name being free", FREE_WITHIN, look, |node| node["approval"] == "PENDING").await?;
    assert_ne!(taken["recipient"], recipient, "{taken}");
    assert_eq!(get(&at(&second, &access), "hello.txt").await?, 503, "it waits for approval");
    Ok(())
}
