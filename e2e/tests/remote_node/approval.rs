//! A second node: it gets nothing before it is approved, everything afterwards, and nothing new once it is removed.

use std::path::Path;

use bucketry_e2e::{CommandLine, RemoteNode, Result, eventually, list, open_with_age, sealed_secrets, text};
use serde_json::Value;

use super::{ControlPlane, SOON, at, control_plane, get};

const SECOND: &str = "second";

async fn listed(terminal: &CommandLine, name: &str) -> Result<Value> {
    let nodes = terminal.json(&["nodes", "list"]).await?;
    Ok(list(&nodes).iter().find(|node| node["ip"] == name).cloned().unwrap_or_default())
}

fn is_sealed(node: &Value) -> bool {
    node["approval"] == "APPROVED" && node["rewrap"].is_null()
}

/// Whether the key file opens the bucket's secret as it is stored now.
pub(super) async fn opens(control_plane: &ControlPlane, bucket: &str, vault_key: &Path) -> Result<bool> {
    let sealed = sealed_secrets(&control_plane.server).await?;
    Ok(open_with_age(vault_key, text(&sealed[bucket])).await?["secret"].is_string())
}

#[tokio::test]
async fn a_second_node_serves_once_it_is_approved_and_the_database_forgets_its_key_when_it_is_removed()
-> Result<()> {
    let control_plane = control_plane().await?;
    let terminal = CommandLine::with_token(&control_plane.server, control_plane.owner.token())?;
    let first = control_plane.node("first").await?;
    let (bucket, access) = control_plane.serve_bucket(&first, "Approved").await?;
    let arguments = ["--name", SECOND, "--probe-interval", "5"];
    let mut second = RemoteNode::start(control_plane.server.api(), &control_plane.key, &arguments).await?;
    let keys = [&first, &second].map(|node| node.data_dir().join("vault.key"));

    let look = async || listed(&terminal, SECOND).await;
    let pending = eventually("the registration", SOON, look, |node| node["approval"] == "PENDING").await?;
    assert_eq!(get(&at(&second, &access), "hello.txt").await?, 503, "it knows no key");
    assert!(!opens(&control_plane, &bucket, &keys[1]).await?);

    let said =
        terminal.text(&["nodes", "approve", SECOND, "--recipient", text(&pending["recipient"])]).await?;
    assert!(said.contains("approved second"), "{said}");
    eventually("the secrets being sealed again", SOON, look, is_sealed).await?;
    assert!(
        opens(&control_plane, &bucket, &keys[0]).await? && opens(&control_plane, &bucket, &keys[1]).await?
    );
    let look = async || get(&at(&second, &access), "hello.txt").await;
    eventually("the bucket being served", SOON, look, |status| *status == 404).await?;

    second.terminate().await?;
    let said = terminal.text(&["nodes", "rm", SECOND]).await?;
    assert!(said.contains("removed second"), "{said}");
    let look = async || opens(&control_plane, &bucket, &keys[1]).await;
    eventually("the secret being sealed again without it", SOON, look, |opens| !opens).await?;
    let look = async || listed(&terminal, "first").await;
    eventually("all secrets being sealed again", SOON, look, is_sealed).await?;
    assert!(opens(&control_plane, &bucket, &keys[0]).await?);
    assert_eq!(get(&at(&first, &access), "hello.txt").await?, 404, "the first node serves as before");
    Ok(())
}
