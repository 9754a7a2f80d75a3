//! The dashboard's pages about several nodes in a real browser: how they look with long names, and an owner who approves a
//! node, pins a bucket and removes the node there. Screenshots are in `target/dashboard`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Person, RemoteNode, Result, SCOPED_BUCKET,
    Server, eventually, list, options, run_in_browser, s3_bucket, shared_s3_endpoint, text,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_mins(1);
const FAR: &str = "far.example.com";
/// The longest label that a host name can have, three times.
const LONG: &str = "gateway-of-the-second-data-centre-in-frankfurt-am-main-hall-12a.\
                    gateway-of-the-second-data-centre-in-frankfurt-am-main-hall-12a.\
                    gateway-of-the-second-data-centre-in-frankfurt-am-main-hall-12a.example.com";
const LONG_REGION: &str = "europe-central-frankfurt-am-main-second-data-centre-hall-12a-rack-7-position-31";

/// Where screenshots are stored: `target/dashboard`.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join("dashboard")
}

/// A server with its own node, one far away that is approved, and one with a long name that waits.
struct SeveralNodes {
    server: Server,
    owner: Person,
    bucket: String,
    _far: RemoteNode,
    _long: RemoteNode,
    _dir: TempDir,
}

impl SeveralNodes {
    async fn start() -> Result<Self> {
        let dir = tempfile::tempdir().map_err(Error::Files)?;
        let data_dir = dir.path().join("data");
        let server =
            Server::start(options()?.data_dir(&data_dir).env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
        let owner = server.owner().await?;
        let key = data_dir.join("node.pem");
        let near = ["--region", "eu-west-1", "--provider", "AWS", "--probe-interval", "1"];
        let far = RemoteNode::start_approved(&owner, server.api(), &key, FAR, &near).await?;
        let long = ["--name", LONG, "--region", LONG_REGION, "--provider", "another provider of machines"];
        let long = RemoteNode::start(server.api(), &key, &long).await?;
        let endpoint = shared_s3_endpoint()?;
        let workspace = owner.workspace().await?;
        let bucket = owner.register(&s3_bucket("product-images", OPEN_BUCKET, &endpoint, &workspace)).await?;
        let several = Self { server, owner, bucket, _far: far, _long: long, _dir: dir };
        several.id_of(LONG).await?;
        Ok(several)
    }

    async fn id_of(&self, name: &str) -> Result<String> {
        let look = async || {
            let nodes = self.owner.get("/node").send().await?.json_with_status(200)?;
            let found = list(&nodes["data"]).iter().find(|node| node["ip"] == name);
            Ok(found.map(|node| text(&node["id"]).to_owned()).unwrap_or_default())
        };
        eventually("the node registering", SOON, look, |id| !id.is_empty()).await
    }

    /// A bucket that is pinned to a node and to regions, some without a node.
    async fn pinned(&self) -> Result<String> {
        let workspace = self.owner.workspace().await?;
        let mut fields = s3_bucket("archive-2026", SCOPED_BUCKET, &shared_s3_endpoint()?, &workspace);
        let regions = json!(["eu-west-1", LONG_REGION, "ap-1"]);
        fields["pinnedTo"] = json!({ "nodes": [self.id_of(FAR).await?], "regions": regions });
        self.owner.register(&fields).await
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("URL_OF_SERVER", self.server.api().to_owned()),
            ("EMAIL", OWNER_EMAIL.to_owned()),
            ("PASSWORD", OWNER_PASSWORD.to_owned()),
            ("OUT", screenshots().to_string_lossy().into_owned()),
        ]
    }

    /// Runs a journey, which must find nothing wrong.
    async fn run(&self, script: &str, more: &[(&'static str, String)]) -> Result<()> {
        let variables = [self.variables().as_slice(), more].concat();
        let Some(report) = run_in_browser(script, &variables).await? else { return Ok(()) };
        let findings: Vec<&str> =
            report["findings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(findings, Vec::<&str>::new(), "{report:#}");
        Ok(())
    }
}

#[tokio::test]
async fn pages_about_several_nodes_are_accessible_silent_and_small() -> Result<()> {
    let several = SeveralNodes::start().await?;
    let pinned = several.pinned().await?;
    let buckets = [(several.bucket.as_str(), OPEN_BUCKET), (pinned.as_str(), SCOPED_BUCKET)];
    let access = several.owner.repository_access(&several.server, "Streaming", &buckets).await?;
    let terminal = CommandLine::with_token(&several.server, several.owner.token())?;
    terminal.run(&["organization", "key", "add"]).await?.with_status(0)?;
    let pages = json!({
        "overview-waiting": "/ui",
        "nodes-several": "/ui/nodes",
        "nodes-key": { "path": "/ui/nodes", "click": "summary.line" },
        "node": format!("/ui/nodes/{}", several.id_of(FAR).await?),
        "node-pending": format!("/ui/nodes/{}", several.id_of(LONG).await?),
        "bucket-nodes": format!("/ui/buckets/{}/nodes", several.bucket),
        "bucket-nodes-pinned": format!("/ui/buckets/{pinned}/nodes"),
        "bucket-pinned": format!("/ui/buckets/{pinned}"),
        "repository-endpoints": format!("/ui/repositories/{}", access.repository),
    });
    several.run("pages.mjs", &[("SIZES", "nodes".to_owned()), ("PAGES", pages.to_string())]).await
}

#[tokio::test]
async fn an_owner_approves_a_node_pins_a_bucket_and_removes_the_node_in_a_browser() -> Result<()> {
    let several = SeveralNodes::start().await?;
    let names = [("LONG", LONG.to_owned()), ("FAR", FAR.to_owned()), ("BUCKET", several.bucket.clone())];
    several.run("nodes.mjs", &names).await?;
    let nodes = several.owner.get("/node").send().await?.json_with_status(200)?;
    let pending = list(&nodes["data"]).iter().filter(|node| node["approval"] == "PENDING");
    // It still runs, so it registers again.
    assert!(pending.count() <= 1, "{nodes:#}");
    Ok(())
}
