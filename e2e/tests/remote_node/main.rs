//! A node in a separate process, with a control plane that runs none: it validates and serves buckets, its traffic is
//! counted whatever is killed, and its absence is noticed.

mod approval;
mod bad_disks;
mod deleted_key;
mod far;
mod leaving;
mod same_name;
mod wrong_clock;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bucketry_e2e::{
    Error, OPEN_BUCKET, Options, Person, RemoteNode, RepositoryAccess, Result, Server, each, eventually,
    free_ports, list, options, s3_bucket, shared_s3_endpoint,
};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_mins(1);
/// A silent node counts as disconnected after a minute.
const MISSED_WITHIN: Duration = Duration::from_mins(2);
/// A name is free a minute after the node that had it was last seen, and registrations are repeated every minute.
const FREE_WITHIN: Duration = Duration::from_mins(4);

/// A server without an embedded node, and the key of its deployment.
struct ControlPlane {
    server: Server,
    owner: Person,
    key: PathBuf,
    _dir: TempDir,
}

async fn control_plane() -> Result<ControlPlane> {
    control_plane_with(|options| options).await
}

/// The first start has an embedded node, which creates the deployment's key.
async fn control_plane_with(adjust: impl FnOnce(Options) -> Options) -> Result<ControlPlane> {
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let data_dir = dir.path().join("data");
    let [port] = free_ports::<1>().map_err(Error::Files)?;
    let options = adjust(options()?).data_dir(&data_dir).listen(&format!("127.0.0.1:{port}"));
    let mut first = Server::start(options.clone()).await?;
    first.terminate().await?;
    let server = Server::start(options.arg("--no-node")).await?;
    let owner = server.owner().await?;
    Ok(ControlPlane { server, owner, key: data_dir.join("node.pem"), _dir: dir })
}

impl ControlPlane {
    async fn node(&self, name: &str) -> Result<RemoteNode> {
        let arguments = ["--region", "eu-west-1", "--provider", "AWS", "--probe-interval", "5"];
        RemoteNode::start_approved(&self.owner, self.server.api(), &self.key, name, &arguments).await
    }

    async fn node_status(&self, name: &str) -> Result<String> {
        let nodes = self.owner.get("/node").send().await?.json_with_status(200)?;
        let found = list(&nodes["data"]).iter().find(|node| node["ip"] == name);
        Ok(found.and_then(|node| node["status"].as_str()).unwrap_or("UNKNOWN").to_owned())
    }

    /// Registers a bucket, which a node validates, and opens a repository through the node's gateway.
    async fn serve_bucket(&self, node: &RemoteNode, name: &str) -> Result<(String, RepositoryAccess)> {
        self.serve_bucket_at(&shared_s3_endpoint()?, node, name).await
    }

    async fn serve_bucket_at(
        &self,
        storage: &str,
        node: &RemoteNode,
        name: &str,
    ) -> Result<(String, RepositoryAccess)> {
        let workspace = self.owner.workspace().await?;
        let bucket = s3_bucket(name, OPEN_BUCKET, storage, &workspace);
        let id = self.owner.register(&bucket).await?;
        let folder = format!("{}-{}", name.to_lowercase(), std::process::id());
        let place = json!([{ "bucketId": id, "folder": folder, "master": false }]);
        let fields = json!({ "name": name, "repoBuckets": place });
        let access = self.owner.open_repository_at(node.gateway(), &fields, OPEN_BUCKET).await?;
        Ok((id, access))
    }

    /// The bytes that were uploaded to the bucket, as counted so far.
    async fn uploaded(&self, bucket: &str) -> Result<u64> {
        let path = format!("/bucket/stats?bucketId={bucket}");
        let totals = self.owner.get(&path).send().await?.json_with_status(200)?;
        let bytes = &totals["stats"][0]["totalUploadBytes"];
        Ok(bytes.as_str().and_then(|text| text.parse().ok()).or_else(|| bytes.as_u64()).unwrap_or_default())
    }
}

/// The same access at the node's current address.
fn at(node: &RemoteNode, access: &RepositoryAccess) -> RepositoryAccess {
    RepositoryAccess { endpoint: node.gateway().to_owned(), ..access.clone() }
}

async fn put(access: &RepositoryAccess, key: &str, bytes: usize) -> Result<u16> {
    let call = access.object(Method::PUT, key).raw("text/plain", vec![b'x'; bytes]);
    Ok(call.send().await?.status)
}

async fn get(access: &RepositoryAccess, key: &str) -> Result<u16> {
    Ok(access.object(Method::GET, key).send().await?.status)
}

async fn metric(node: &RemoteNode, name: &str) -> Result<i64> {
    let metrics = node.get("/metrics").send().await?.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.and_then(|value| value.parse().ok()).unwrap_or(-1))
}

#[tokio::test]
async fn a_node_elsewhere_validates_serves_and_counts_and_its_absence_is_noticed() -> Result<()> {
    let control_plane = control_plane().await?;
    let mut node = control_plane.node("far-away").await?;
    let look = async || control_plane.node_status("far-away").await;
    eventually("the node being ONLINE", SOON, look, |status| status == "ONLINE").await?;
    let ready = node.get("/ready").send().await?.json_with_status(200)?;
    assert_eq!((&ready["message"], &ready["registered"]), (&json!("ready"), &json!(true)));
    assert_eq!(node.get("/health").send().await?.json_with_status(200)?["success"], true);
    assert_eq!(metric(&node, "bucketry_node_registered").await?, 1);

    let (bucket, access) = control_plane.serve_bucket(&node, "Remote").await?;
    let look = async || control_plane.owner.status_of(&bucket).await;
    eventually("the bucket being probed", SOON, look, |status| status == "ONLINE").await?;
    assert_eq!(put(&access, "hello.txt", 11).await?, 200);
    assert_eq!(get(&access, "hello.txt").await?, 200);
    let look = async || control_plane.uploaded(&bucket).await;
    eventually("the upload being counted", SOON, look, |bytes| *bytes == 11).await?;
    let path = format!("/bucket/{bucket}/status");
    let statuses = control_plane.owner.get(&path).send().await?.json_with_status(200)?;
    assert!(each(&statuses["nodeStatus"], "status").contains(&"ONLINE"), "{statuses}");

    assert_eq!(node.terminate().await?.and_then(|status| status.code()), Some(0), "{}", node.log());
    let look = async || control_plane.node_status("far-away").await;
    eventually("the absence being noticed", MISSED_WITHIN, look, |status| status == "DISCONNECTED").await?;
    let look = async || control_plane.owner.status_of(&bucket).await;
    eventually("the bucket's status", MISSED_WITHIN, look, |status| status == "DISCONNECTED").await?;
    Ok(())
}

#[tokio::test]
async fn without_its_control_plane_a_node_serves_what_it_knows_and_its_traffic_is_counted_once() -> Result<()>
{
    let mut control_plane = control_plane().await?;
    let mut node = control_plane.node("crashing").await?;
    let (bucket, access) = control_plane.serve_bucket(&node, "Crashes").await?;
    assert_eq!(put(&access, "before.txt", 1_000).await?, 200);
    let look = async || control_plane.uploaded(&bucket).await;
    eventually("the first upload being counted", SOON, look, |bytes| *bytes == 1_000).await?;
    // A node that is stopped stores what it knows.
    assert_eq!(node.terminate().await?.and_then(|status| status.code()), Some(0), "{}", node.log());
    let sealed = std::fs::read(node.data_dir().join("configuration.age")).map_err(Error::Files)?;
    assert!(sealed.starts_with(b"age-encryption.org/v1"));
    assert!(!sealed.windows(access.key.len()).any(|window| window == access.key.as_bytes()));
    node.restart().await?;
    let look = async || get(&at(&node, &access), "before.txt").await;
    eventually("the bucket being served again", SOON, look, |status| *status == 200).await?;

    control_plane.server.kill_hard().await?;
    assert_eq!(put(&at(&node, &access), "meanwhile.txt", 500).await?, 200);
    wait_until_spooled(&node, &at(&node, &access)).await?;
    node.kill_hard().await?;
    node.restart().await?;
    let ready = node.get("/ready").send().await?.json_with_status(200)?;
    assert_eq!((&ready["registered"], &ready["configured"]), (&json!(false), &json!(true)));
    let restarted = at(&node, &access);
    let look = async || get(&restarted, "meanwhile.txt").await;
    eventually("the stored configuration being served", SOON, look, |status| *status == 200).await?;
    assert_eq!(put(&restarted, "still-alone.txt", 30).await?, 200);
    let unknown = RepositoryAccess { key: "BKUNKNOWNKEY00000000".to_owned(), ..restarted.clone() };
    assert_eq!(get(&unknown, "before.txt").await?, 503, "the key may be newer than what the node knows");

    // Another crash, before anything could be reported.
    wait_until_spooled(&node, &restarted).await?;
    node.kill_hard().await?;
    node.restart().await?;
    control_plane.server.restart().await?;
    let look = async || control_plane.uploaded(&bucket).await;
    eventually("the spooled counts arriving", SOON, look, |bytes| *bytes >= 1_530).await?;
    assert_eq!(control_plane.uploaded(&bucket).await?, 1_530, "nothing is counted twice");
    let look = async || {
        get(&RepositoryAccess { key: unknown.key.clone(), ..at(&node, &access) }, "before.txt").await
    };
    eventually("the node knowing all keys", SOON, look, |status| *status == 403).await?;
    assert_eq!(get(&at(&node, &access), "still-alone.txt").await?, 200);
    Ok(())
}

/// Waits until everything that was counted so far is on the node's disk. One write may have begun before, so it waits for
/// two. There is something to write each time, because it sends requests meanwhile.
async fn wait_until_spooled(node: &RemoteNode, access: &RepositoryAccess) -> Result<()> {
    let before = metric(node, "bucketry_usage_batches_waiting").await?;
    let look = async || {
        get(access, "before.txt").await?;
        metric(node, "bucketry_usage_batches_waiting").await
    };
    eventually("the counts being on the disk", SOON, look, |waiting| *waiting >= before + 2).await?;
    Ok(())
}

#[tokio::test]
async fn what_keeps_a_node_from_starting_is_said_with_the_remedy() -> Result<()> {
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(bucketry_e2e::binary()?);
        command.arg("node").args(arguments).current_dir(dir.path());
        command.output().map_err(Error::Files)
    };
    let least = ["--control-plane", "http://127.0.0.1:1", "--name", "n1"];
    for (more, status, said) in [
        (&["--key", "nowhere.pem"][..], 1, "nowhere.pem doesn't exist"),
        (&["--database-url", "postgres://u@h/d"], 2, "it is a setting of `bucketry serve`"),
        (&["--org", "acme"], 2, "--node-org"),
    ] {
        let output = run(&[&least[..], more].concat())?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{text}");
        assert!(text.contains(said), "{more:?}: {text}");
    }
    let printed = run(&[&least[..], &["--region", "eu", "--print-config"]].concat())?;
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(text.contains("node_name = \"n1\"\n") && text.contains("node_region = \"eu\"\n"), "{text}");
    assert!(text.contains("control_plane = \"http://127.0.0.1:1\"\n") && !text.contains("admin"), "{text}");
    std::fs::write(dir.path().join("printed.toml"), &text).map_err(Error::Files)?;
    let again = run(&["--config", "printed.toml", "--print-config"])?;
    assert_eq!(String::from_utf8_lossy(&again.stdout), text, "the printed settings give the same result");
    assert!(!dir.path().join("data").join("node.pem").exists());
    Ok(())
}

#[tokio::test]
async fn a_key_that_the_control_plane_does_not_know_is_refused_and_the_log_says_what_to_do() -> Result<()> {
    let control_plane = control_plane().await?;
    let stranger = Server::start(options()?).await?;
    let key = stranger.data_dir().join("node.pem");
    let node = RemoteNode::start(control_plane.server.api(), &key, &["--name", "stranger"]).await?;
    let look = async || Ok(node.log());
    let said = |log: &String| log.contains("must know the key") && log.contains("node.pem");
    eventually("the refusal being explained", SOON, look, said).await?;
    let ready: Value = node.get("/ready").send().await?.json_with_status(503)?;
    assert!(ready["message"].as_str().is_some_and(|text| text.contains("not registered")), "{ready}");
    assert_eq!(control_plane.node_status("stranger").await?, "UNKNOWN");
    assert!(node.data_dir().join("vault.key").exists(), "the identity was created");
    Ok(())
}
