//! A control plane that never ran a node: its database and its files open no secret, and it says what is missing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, Error, OPEN_BUCKET, Person, RemoteNode, Result, Server, embedded_options, eventually,
    needs_one_control_plane, open_with_age, s3_bucket, sealed_secrets, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);
/// A silent node counts as disconnected after a minute.
const MISSED_WITHIN: Duration = Duration::from_mins(2);
const CHANNEL_SECRET: &str = "channel-secret-4711-of-nobody";
const CHANNEL_PATH: &str = "/hooks/address-4711-of-nobody";

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

fn copy_of(directory: &Path, target: &Path) -> Result<()> {
    for file in files_below(directory) {
        let copy = target.join(file.strip_prefix(directory).unwrap_or(&file));
        std::fs::create_dir_all(copy.parent().unwrap_or(target)).map_err(Error::Files)?;
        std::fs::copy(&file, copy).map_err(Error::Files)?;
    }
    Ok(())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// No file below the directory contains one of these texts.
fn nothing_is_readable(directory: &Path, secrets: &[&str]) -> Result<()> {
    let files = files_below(directory);
    assert!(files.iter().any(|file| file.ends_with("bucketry.db")), "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).map_err(Error::Files)?;
        for secret in secrets {
            assert!(!contains(&bytes, secret), "{} contains {secret}", file.display());
        }
        assert!(!contains(&bytes, "AGE-SECRET-KEY-"), "{} contains a private key", file.display());
    }
    Ok(())
}

async fn node_of(server: &Server, owner: &Person, name: &str) -> Result<RemoteNode> {
    let key = server.data_dir().join("node.pem");
    RemoteNode::start_approved(owner, server.api(), &key, name, &["--probe-interval", "5"]).await
}

/// Stores a secret of each kind: of a bucket, of a repository with its sealing key, and of a channel. Returns the
/// bucket's id, and the secret of the repository's key.
async fn store_secrets(owner: &Person, node: &RemoteNode) -> Result<(String, String)> {
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let folder = format!("public-keys-{}", std::process::id());
    let place = json!([{ "bucketId": id, "folder": folder, "master": false }]);
    let fields = json!({ "name": "Shared", "repoBuckets": place });
    let access = owner.open_repository_at(node.gateway(), &fields, OPEN_BUCKET).await?;
    let channel = json!({
        "name": "Hook", "kind": "WEBHOOK", "url": format!("https://hooks.example.com{CHANNEL_PATH}"),
        "secret": CHANNEL_SECRET,
    });
    owner.post("/notification/channel", &channel).send().await?.json_with_status(200)?;
    let stored = access.object(Method::PUT, "hello.txt").raw("text/plain", b"hello".to_vec()).send().await?;
    assert_eq!(stored.status, 200, "{}", stored.text());
    Ok((id, access.secret))
}

#[tokio::test]
async fn what_is_stolen_from_a_control_plane_without_a_node_opens_no_secret() -> Result<()> {
    needs_one_control_plane!("it is about the files of a single control plane");
    let mut server = Server::start(embedded_options()?.arg("--no-node")).await?;
    let owner = server.owner().await?;
    let node = node_of(&server, &owner, "far-away").await?;
    let look =
        async || Ok(owner.get("/node").send().await?.json_with_status(200)?["data"][0]["status"].clone());
    eventually("the node being ONLINE", SOON, look, |status| status == "ONLINE").await?;
    let (bucket, key_secret) = store_secrets(&owner, &node).await?;
    let sealed = sealed_secrets(&server).await?;
    let opened = open_with_age(&node.data_dir().join("vault.key"), text(&sealed[&bucket])).await?;
    assert_eq!(opened["secret"], ADMIN.secret, "the node's key opens what the thief's doesn't");

    server.terminate().await?;
    let stolen = tempfile::tempdir().map_err(Error::Files)?;
    copy_of(server.data_dir(), stolen.path())?;
    let hook = [CHANNEL_SECRET, CHANNEL_PATH];
    nothing_is_readable(stolen.path(), &[ADMIN.secret, &key_secret, hook[0], hook[1]])?;
    assert!(!stolen.path().join("vault.key").exists());

    let options = embedded_options()?.data_dir(stolen.path()).arg("--start-without-secrets");
    let thief = Server::start(options.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let owner = thief.owner().await?;
    assert!(stolen.path().join("vault.key").exists(), "its embedded node has a key");
    let refused = open_with_age(&stolen.path().join("vault.key"), text(&sealed[&bucket])).await?;
    assert!(refused["refused"].is_string(), "{refused}");
    let path = format!("/bucket/{bucket}/status");
    let look = async || Ok(owner.get(&path).send().await?.text());
    eventually("the thief's node failing", SOON, look, |status: &String| status.contains("NOT_OPENED"))
        .await?;
    let validation = owner.call(Method::POST, &format!("/bucket/{bucket}/validate")).send().await?;
    let diagnosis: Value = validation.json()?;
    assert_ne!(diagnosis["diagnosis"]["ok"], true, "{diagnosis}");
    Ok(())
}

#[tokio::test]
async fn without_a_node_that_opens_secrets_a_bucket_is_refused_with_what_is_missing() -> Result<()> {
    needs_one_control_plane!("it is about the files of a single control plane");
    let server = Server::start(embedded_options()?.arg("--no-node")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let unchecked = with(&body, &json!({ "skipValidation": true }));
    for body in [&body, &unchecked] {
        let refused = owner.post("/bucket", body).send().await?.json_with_status(503)?;
        assert_eq!(refused["error_code"], "NO_NODE_ONLINE", "{refused}");
    }
    assert!(server.data_dir().join("node.pem").exists(), "a node needs a copy of it");
    assert!(!server.data_dir().join("vault.key").exists());

    let key = server.data_dir().join("node.pem");
    let mut node = RemoteNode::start(server.api(), &key, &["--name", "new-node"]).await?;
    for body in [&body, &unchecked] {
        let refused = owner.post("/bucket", body).send().await?.json_with_status(503)?;
        assert_eq!(refused["error_code"], "NO_NODE_ONLINE", "{refused}");
        assert!(text(&refused["message"]).contains("bucketry nodes approve new-node"), "{refused}");
    }
    let look = async || Ok(node.log());
    eventually("the node saying it", SOON, look, |log: &String| log.contains("isn't approved yet")).await?;

    let terminal = CommandLine::with_token(&server, owner.token())?;
    let listed = terminal.text(&["nodes", "list"]).await?;
    assert!(listed.contains("waits for approval"), "{listed}");
    let doctor = terminal.run(&["doctor"]).await?.with_status(1)?.stdout;
    assert!(doctor.contains("✗ node approval") && doctor.contains("nodes approve new-node"), "{doctor}");
    let other = "age13cktma0auwd9v32qnr6fgmlksfrhrc40x9z5ljhmaylf7vscdu8qcnd0cw";
    let wrong = ["nodes", "approve", "new-node", "--recipient", other];
    let refused = terminal.run(&wrong).await?.with_status(1)?;
    assert!(refused.stderr.contains("another public key"), "{}", refused.stderr);
    let approved = terminal.text(&["nodes", "approve", "new-node"]).await?;
    assert!(approved.contains("approved new-node"), "{approved}");
    let id = owner.register(&body).await?;
    eventually("ONLINE", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;

    let refused = terminal.run(&["nodes", "rm", "new-node"]).await?.with_status(1)?;
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    node.terminate().await?;
    let look =
        async || Ok(owner.get("/node").send().await?.json_with_status(200)?["data"][0]["status"].clone());
    eventually("the absence being noticed", MISSED_WITHIN, look, |status| status == "DISCONNECTED").await?;
    let again = with(&body, &json!({ "name": "Other" }));
    let refused = owner.post("/bucket", &again).send().await?.json_with_status(503)?;
    assert_eq!(refused["error_code"], "NO_NODE_ONLINE", "{refused}");
    let stored = with(&again, &json!({ "skipValidation": true }));
    owner.post("/bucket", &stored).send().await?.json_with_status(200)?;
    Ok(())
}
