//! A node of an organization whose key is deleted.

use std::path::PathBuf;

use bucketry_e2e::{CommandLine, Error, RemoteNode, Result, eventually, text};

use http::Method;

use super::approval::opens;
use super::{ControlPlane, SOON, at, control_plane, get, put};

const NAME: &str = "private";

/// Creates a key of the organization. Returns its file and id.
async fn organization_key(terminal: &CommandLine, name: &str) -> Result<(PathBuf, String)> {
    let file = terminal.home().join(name);
    let made = terminal.json(&["organization", "key", "add", "--out", &file.to_string_lossy()]).await?;
    Ok((file, text(&made["id"]).to_owned()))
}

async fn serves(control_plane: &ControlPlane) -> Result<bool> {
    Ok(control_plane.node_status(NAME).await? == "ONLINE")
}

#[tokio::test]
async fn a_node_whose_key_was_deleted_says_so_and_comes_back_with_another() -> Result<()> {
    let control_plane = control_plane().await?;
    let terminal = CommandLine::with_token(&control_plane.server, control_plane.owner.token())?;
    let _other = control_plane.node("other").await?;
    let organization = text(&terminal.json(&["organization", "show"]).await?["id"]).to_owned();
    let (file, key) = organization_key(&terminal, "first.pem").await?;
    let arguments = ["--org", &organization, "--probe-interval", "5"];
    let api = control_plane.server.api();
    let mut node = RemoteNode::start_approved(&control_plane.owner, api, &file, NAME, &arguments).await?;
    let (bucket, access) = control_plane.serve_bucket(&node, "Private").await?;
    assert_eq!(put(&access, "hello.txt", 11).await?, 200);
    let vault_key = node.data_dir().join("vault.key");
    assert!(serves(&control_plane).await? && opens(&control_plane, &bucket, &vault_key).await?);

    terminal.text(&["organization", "key", "rm", &key]).await?;
    let status = async || control_plane.node_status(NAME).await;
    eventually("the node being removed with its key", SOON, status, |status| status == "UNKNOWN").await?;
    let log = async || Ok(node.log());
    let is_explained =
        |log: &String| log.contains(&format!("that is a key of the organization {organization}"));
    eventually("the refusal being explained", SOON, log, is_explained).await?;
    let look = async || opens(&control_plane, &bucket, &vault_key).await;
    eventually("the secret being sealed again without it", SOON, look, |opens| !opens).await?;
    let served = access.object(Method::GET, "hello.txt").send().await?;
    assert_eq!(served.status, 200, "it serves what it knows: {} {}", served.text(), node.log());

    node.kill_hard().await?;
    let (file, _) = organization_key(&terminal, "second.pem").await?;
    std::fs::copy(&file, node.data_dir().join("node.pem")).map_err(Error::Files)?;
    let (restarted, approved) = tokio::join!(node.restart(), control_plane.owner.approve_node(NAME));
    approved?;
    restarted?;
    eventually("the node being back", SOON, async || serves(&control_plane).await, |serves| *serves).await?;
    let look = async || opens(&control_plane, &bucket, &vault_key).await;
    eventually("the secret being sealed to it", SOON, look, |opens| *opens).await?;
    let look = async || get(&at(&node, &access), "hello.txt").await;
    eventually("the bucket being served", SOON, look, |status| *status == 200).await.map(drop)
}
