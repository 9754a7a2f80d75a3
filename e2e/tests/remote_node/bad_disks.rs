//! A node whose disk is full, and one whose data directory is lost.

use std::path::Path;

use bucketry_e2e::{
    Error, RemoteNode, Result, eventually, fill_disk_of_node, free_disk_of_node, ignoring_full_disks, list,
    text,
};

use super::{ControlPlane, FREE_WITHIN, MISSED_WITHIN, SOON, at, control_plane, get, metric, put};

/// A node of this program, which is approved.
async fn node_of(control_plane: &ControlPlane, program: &Path, name: &str) -> Result<RemoteNode> {
    let arguments = ["--name", name, "--region", "eu-west-1", "--provider", "AWS", "--probe-interval", "5"];
    let starting =
        RemoteNode::start_program(program, control_plane.server.api(), &control_plane.key, &arguments);
    let (node, approved) = tokio::join!(starting, control_plane.owner.approve_node(name));
    approved?;
    node
}

#[tokio::test]
async fn a_node_whose_disk_is_full_serves_and_counts_and_reports_once_there_is_room() -> Result<()> {
    let control_plane = control_plane().await?;
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let node = node_of(&control_plane, &ignoring_full_disks(dir.path())?, "full").await?;
    let (bucket, access) = control_plane.serve_bucket(&node, "Full").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    let uploaded = async || control_plane.uploaded(&bucket).await;
    eventually("the first upload being counted", SOON, uploaded, |bytes| *bytes == 1_000).await?;

    fill_disk_of_node(&node).await?;
    for number in 0..3 {
        assert_eq!(put(&access, &format!("meanwhile-{number}.txt"), 100).await?, 200);
    }
    assert_eq!(get(&access, "meanwhile-0.txt").await?, 200);
    let failed = async || metric(&node, "bucketry_usage_writes_failed_total").await;
    eventually("the spool being refused room", SOON, failed, |failed| *failed > 0).await?;
    // It still gets changes, and says that it is there.
    let (second, more) = control_plane.serve_bucket(&node, "Registered meanwhile").await?;
    assert_eq!(put(&more, "second.txt", 7).await?, 200);
    let status = async || control_plane.owner.status_of(&second).await;
    eventually("the new bucket being probed", SOON, status, |status| status == "ONLINE").await?;
    assert_eq!(control_plane.node_status("full").await?, "ONLINE");
    assert_eq!(uploaded().await?, 1_000, "what isn't on the disk isn't reported");

    free_disk_of_node(&node).await?;
    eventually("everything being counted", MISSED_WITHIN, uploaded, |bytes| *bytes >= 1_300).await?;
    assert_eq!(uploaded().await?, 1_300, "nothing is lost or counted twice");
    let other = async || control_plane.uploaded(&second).await;
    eventually("the second bucket being counted", SOON, other, |bytes| *bytes == 7).await?;
    assert_eq!(metric(&node, "bucketry_usage_rows_lost_total").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_node_that_lost_its_data_directory_is_a_new_one_that_needs_the_key_and_an_approval() -> Result<()> {
    let control_plane = control_plane().await?;
    let staying = control_plane.node("staying").await?;
    let mut losing = control_plane.node("losing").await?;
    let (bucket, access) = control_plane.serve_bucket(&losing, "Lost").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    let uploaded = async || control_plane.uploaded(&bucket).await;
    eventually("the upload being counted", SOON, uploaded, |bytes| *bytes == 1_000).await?;

    losing.kill_hard().await?;
    let data = losing.data_dir().to_owned();
    std::fs::remove_dir_all(&data).and_then(|()| std::fs::create_dir(&data)).map_err(Error::Files)?;
    let refused = losing.restart().await.map_err(|error| error.to_string());
    assert!(
        refused.is_err_and(|text| text.contains("node.pem doesn't exist. Put a key there")),
        "{}",
        losing.log()
    );
    let elsewhere = async || get(&at(&staying, &access), "before.txt").await;
    eventually("the other node serving", SOON, elsewhere, |status| *status == 200).await?;

    std::fs::copy(&control_plane.key, data.join("node.pem")).map_err(Error::Files)?;
    let (restarted, approved) = tokio::join!(losing.restart(), approve_new_key(&control_plane, "losing"));
    approved?;
    restarted?;
    let look = async || get(&at(&losing, &access), "before.txt").await;
    eventually("the bucket being served again", SOON, look, |status| *status == 200).await?;
    assert_eq!(put(&at(&losing, &access), "after.txt", 30).await?, 200);
    eventually("the count continuing", SOON, uploaded, |bytes| *bytes >= 1_030).await?;
    assert_eq!(uploaded().await?, 1_030, "what was reported before counts once");
    Ok(())
}

/// Waits until the node has registered its new key, which it may do a minute after the one with the old key was last seen, and
/// approves it.
async fn approve_new_key(control_plane: &ControlPlane, name: &str) -> Result<()> {
    let look = async || {
        let nodes = control_plane.owner.get("/node").send().await?.json_with_status(200)?;
        let found = list(&nodes["data"]).iter().find(|node| node["ip"] == name).cloned();
        Ok(found.map(|node| text(&node["approval"]).to_owned()).unwrap_or_default())
    };
    eventually("the new key waiting for approval", FREE_WITHIN, look, |approval| approval == "PENDING")
        .await?;
    control_plane.owner.approve_node(name).await
}
