//! Nodes of an organization: the keys that they sign with, and the node in Python of `docs/nodes.md`.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bucketry_e2e::{CommandLine, Result, Server, each, eventually, list, options, run_documented_node, text};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn keys_are_created_in_private_files_listed_and_deleted() -> Result<()> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let file = terminal.home().join("org.pem");
    let out = file.to_string_lossy();
    let made = terminal.json(&["organization", "key", "add", "--out", &out]).await?;
    assert_eq!(text(&made["file"]), out);
    let pem = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{}", pem.len());
    let mode = std::fs::metadata(&file).map(|metadata| metadata.permissions().mode() & 0o777);
    assert!(mode.is_ok_and(|mode| mode == 0o600));

    let refused = terminal.run(&["organization", "key", "add", "--out", &out]).await?.with_status(2)?;
    assert!(refused.stderr.contains("exists already"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), pem, "it is not overwritten");
    let printed = terminal.run(&["organization", "key", "add"]).await?.with_status(0)?;
    assert!(printed.stdout.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{}", printed.stderr);
    assert!(printed.stderr.contains("only time"), "{}", printed.stderr);

    let keys = terminal.json(&["organization", "key", "list"]).await?;
    assert_eq!(list(&keys).len(), 2, "the refused command created none: {keys}");
    assert_eq!(each(&keys, "id")[1], text(&made["id"]));
    let shown = terminal.text(&["organization", "key", "ls"]).await?;
    assert!(shown.contains("NODES") && shown.contains(text(&made["id"])), "{shown}");

    let id = text(&made["id"]);
    let deleted = terminal.text(&["organization", "key", "rm", id]).await?;
    assert!(deleted.contains(id), "{deleted}");
    let refused = terminal.run(&["organization", "key", "rm", id]).await?.with_status(1)?;
    assert!(refused.stderr.contains("key list"), "{}", refused.stderr);
    for wrong in [&["organization", "key", "rm"][..], &["organization", "key", "rm", "x"]] {
        terminal.run(wrong).await?.with_status(2)?;
    }
    let deleted = terminal.text(&["organization", "key", "rm", "--all"]).await?;
    assert!(deleted.contains("1 key was deleted"), "{deleted}");

    let missing = terminal.home().join("missing/org.pem");
    let missing = missing.to_string_lossy();
    let refused = terminal.run(&["organization", "key", "add", "--out", &missing]).await?.with_status(2)?;
    assert!(refused.stderr.contains("--out"), "{}", refused.stderr);
    let keys = terminal.json(&["organization", "key", "list"]).await?;
    assert!(list(&keys).is_empty(), "no key is created that can't be stored: {keys}");
    Ok(())
}

#[tokio::test]
async fn the_documented_python_node_serves_its_organization_until_it_is_deleted() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let body = json!({
        "name": "Photos", "bucket": "photos", "storageType": "S3", "key": "AKIA", "secret": "s",
        "workspaceId": owner.workspace().await?, "skipValidation": true,
    });
    owner.register(&body).await?;
    let made = terminal.json(&["organization", "key", "add"]).await?;
    let organization = text(&terminal.json(&["organization", "show"]).await?["id"]).to_owned();
    let run = async || {
        run_documented_node(&server, &organization, text(&made["privateKey"]), "py.example.com").await
    };

    let got = run().await?;
    println!("the Python node got {got}");
    assert_eq!(got, json!(["photos"]));
    let nodes = terminal.json(&["organization", "node", "list"]).await?;
    assert_eq!((each(&nodes, "ip"), each(&nodes, "status")), (vec!["py.example.com"], vec!["ONLINE"]));
    run().await?;

    let deleted = terminal.text(&["organization", "node", "rm", "py.example.com"]).await?;
    assert!(deleted.contains("py.example.com"), "{deleted}");
    assert!(run().await.is_err(), "it can't come back with this key");
    let look = async || terminal.json(&["organization", "node", "list"]).await;
    eventually("the node being gone", SOON, look, |nodes| list(nodes).is_empty()).await?;
    let refused = terminal.run(&["organization", "node", "rm", "py.example.com"]).await?.with_status(1)?;
    assert!(refused.stderr.contains("node list"), "{}", refused.stderr);
    Ok(())
}
