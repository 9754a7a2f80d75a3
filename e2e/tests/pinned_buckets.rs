//! A bucket that is pinned to one of two nodes is received, probed, validated and served by this node only, moves with its
//! pins, and is served by both when the pins are removed. The time until a move applies at the gateways is printed.

#![expect(clippy::print_stderr, reason = "the measured times are part of the result")]

use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, OPEN_BUCKET, Person, RemoteNode, RepositoryAccess, Result, Server, each, eventually,
    free_ports, list, options, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

const SOON: Duration = Duration::from_mins(1);
const NEAR: (&str, &str) = ("near", "eu-west-1");
const FAR: (&str, &str) = ("far", "us-east-1");

/// A server without an embedded node, and two nodes in different regions.
struct Deployment {
    server: Server,
    owner: Person,
    near: RemoteNode,
    far: RemoteNode,
    _dir: TempDir,
}

/// The first start creates the deployment's key, without an embedded node, too.
async fn deployment() -> Result<Deployment> {
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let data_dir = dir.path().join("data");
    let [port] = free_ports::<1>().map_err(Error::Files)?;
    let options = options()?.data_dir(&data_dir).listen(&format!("127.0.0.1:{port}"));
    let server = Server::start(options.arg("--no-node")).await?;
    let owner = server.owner().await?;
    let key = data_dir.join("node.pem");
    let near = node(&server, &owner, &key, NEAR).await?;
    let far = node(&server, &owner, &key, FAR).await?;
    Ok(Deployment { server, owner, near, far, _dir: dir })
}

async fn node(
    server: &Server,
    owner: &Person,
    key: &Path,
    (name, region): (&str, &str),
) -> Result<RemoteNode> {
    let arguments = ["--region", region, "--provider", "AWS", "--probe-interval", "5"];
    RemoteNode::start_approved(owner, server.api(), key, name, &arguments).await
}

impl Deployment {
    /// The id of the node with this name, which has to be connected.
    async fn id_of(&self, name: &str) -> Result<String> {
        let look = async || {
            let nodes = self.owner.get("/node").send().await?.json_with_status(200)?;
            let found =
                list(&nodes["data"]).iter().find(|node| node["ip"] == name && node["status"] == "ONLINE");
            Ok(found.map(|node| text(&node["id"]).to_owned()).unwrap_or_default())
        };
        eventually("the node being connected", SOON, look, |id| !id.is_empty()).await
    }

    /// The names of the nodes that report on the bucket.
    async fn reporters(&self, bucket: &str) -> Result<Vec<String>> {
        let path = format!("/bucket/{bucket}/status");
        let status = self.owner.get(&path).send().await?.json_with_status(200)?;
        let mut names: Vec<String> =
            each(&status["nodeStatus"], "ip").into_iter().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    async fn reporters_become(&self, bucket: &str, expected: &[&str]) -> Result<()> {
        let look = async || self.reporters(bucket).await;
        eventually("the reports", SOON, look, |names| names == expected).await.map(drop)
    }

    async fn pin(&self, bucket: &str, pins: Value) -> Result<()> {
        let body = json!({ "pinnedTo": pins });
        self.owner.put(&format!("/bucket/{bucket}"), &body).send().await?.json_with_status(200).map(drop)
    }

    /// Waits until the bucket is served at one gateway and not at the other.
    async fn moves(&self, access: &RepositoryAccess, to: &RemoteNode, from: &RemoteNode) -> Result<()> {
        let since = Instant::now();
        let look = async || {
            Ok((put(&at(to, access), "moved.txt").await?, put(&at(from, access), "moved.txt").await?))
        };
        eventually("the move", SOON, look, |seen| *seen == (200, 404)).await?;
        eprintln!("the pins applied at both gateways after {} ms", since.elapsed().as_millis());
        Ok(())
    }
}

/// The same access through a node's gateway.
fn at(node: &RemoteNode, access: &RepositoryAccess) -> RepositoryAccess {
    RepositoryAccess { endpoint: node.gateway().to_owned(), ..access.clone() }
}

async fn put(access: &RepositoryAccess, key: &str) -> Result<u16> {
    Ok(access.object(Method::PUT, key).raw("text/plain", "x").send().await?.status)
}

#[tokio::test]
async fn a_bucket_is_served_where_it_is_pinned_and_moves_with_its_pins() -> Result<()> {
    let deployment = deployment().await?;
    let (near_id, far_id) = (deployment.id_of(NEAR.0).await?, deployment.id_of(FAR.0).await?);
    let owner = &deployment.owner;
    let mut fields = s3_bucket("Pinned", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    fields["pinnedTo"] = json!({ "nodes": [far_id], "regions": [] });
    // The node to which the bucket is pinned validates it, and this is its first report.
    let bucket = owner.register(&fields).await?;
    assert_eq!(deployment.reporters(&bucket).await?, [FAR.0]);
    let folder = format!("pinned-{}", std::process::id());
    let attached = json!([{ "bucketId": bucket, "folder": folder, "master": false }]);
    let repository = json!({ "name": "Pinned", "repoBuckets": attached });
    let access = owner.open_repository_at(deployment.far.gateway(), &repository, OPEN_BUCKET).await?;
    deployment.moves(&access, &deployment.far, &deployment.near).await?;
    let answer = at(&deployment.near, &access).object(Method::GET, "moved.txt").send().await?;
    let refusal = answer.text();
    assert!(refusal.contains("NoSuchBucket") && refusal.contains("pinned to other nodes"), "{refusal}");

    let terminal = CommandLine::with_token(&deployment.server, owner.token())?;
    let connect = ["repo", "connect", "Pinned"];
    let named = terminal.json(&connect).await?;
    assert_eq!(each(&named["endpoints"], "node"), [FAR.0], "{named}");
    assert_eq!(named["endpoint"], deployment.far.gateway(), "{named}");

    // Moved to the other node, by its region.
    terminal.text(&["bucket", "update", "Pinned", "--pin-region", "EU-west-1"]).await?;
    deployment.moves(&access, &deployment.near, &deployment.far).await?;
    deployment.reporters_become(&bucket, &[NEAR.0]).await?;
    let path = format!("/bucket/{bucket}/validate");
    owner.post(&path, &json!({})).send().await?.json_with_status(200)?;
    assert_eq!(deployment.reporters(&bucket).await?, [NEAR.0]);
    let named = terminal.json(&connect).await?;
    assert_eq!(each(&named["endpoints"], "node"), [NEAR.0], "{named}");
    let shown = terminal.text(&["bucket", "show", "Pinned"]).await?;
    assert!(shown.contains("region EU-west-1"), "{shown}");

    // And to both, then cleared.
    deployment.pin(&bucket, json!({ "nodes": [near_id, far_id], "regions": [] })).await?;
    deployment.reporters_become(&bucket, &[FAR.0, NEAR.0]).await?;
    terminal.text(&["bucket", "update", "Pinned", "--pin-node", FAR.0]).await?;
    deployment.moves(&access, &deployment.far, &deployment.near).await?;
    terminal.text(&["bucket", "update", "Pinned", "--unpin"]).await?;
    for node in [&deployment.near, &deployment.far] {
        let look = async || put(&at(node, &access), "cleared.txt").await;
        eventually("both nodes serving the bucket", SOON, look, |status| *status == 200).await?;
    }
    deployment.reporters_become(&bucket, &[FAR.0, NEAR.0]).await?;
    assert_eq!(owner.bucket(&bucket).await?["pinnedTo"], Value::Null);
    Ok(())
}

#[tokio::test]
async fn a_node_that_was_restarted_has_only_what_it_serves_and_a_silent_one_is_named() -> Result<()> {
    let mut deployment = deployment().await?;
    let far_id = deployment.id_of(FAR.0).await?;
    let owner = deployment.owner.clone();
    let fields = s3_bucket("Pinned", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let bucket = owner.register(&fields).await?;
    let folder = format!("restarted-{}", std::process::id());
    let attached = json!([{ "bucketId": bucket, "folder": folder, "master": false }]);
    let repository = json!({ "name": "Pinned", "repoBuckets": attached });
    let access = owner.open_repository_at(deployment.near.gateway(), &repository, OPEN_BUCKET).await?;
    let look = async || put(&at(&deployment.near, &access), "before.txt").await;
    eventually("the bucket being served", SOON, look, |status| *status == 200).await?;

    // What the node stored before it stopped contains the bucket.
    deployment.near.terminate().await?;
    deployment.pin(&bucket, json!({ "nodes": [far_id] })).await?;
    deployment.near.restart().await?;
    deployment.moves(&access, &deployment.far, &deployment.near).await?;
    deployment.reporters_become(&bucket, &[FAR.0]).await?;

    deployment.far.terminate().await?;
    let look = async || {
        let findings = owner.get("/findings").send().await?.json_with_status(200)?;
        Ok(findings["findings"].to_string())
    };
    let named = |text: &String| text.contains("NODE_SILENT") && text.contains(FAR.0);
    let findings = eventually("the finding", SOON * 3, look, named).await?;
    assert!(!findings.contains("BUCKET_OFFLINE"), "the silence explains it: {findings}");
    let refused = owner.post(&format!("/bucket/{bucket}/validate"), &json!({})).send().await?;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("pinned"), "{}", refused.text());
    Ok(())
}
