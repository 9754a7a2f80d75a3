//! A server continues with the files of an older version.
//!
//! `older/` contains what a build of November 2026 left when it was killed: a database of an older schema with its
//! write-ahead log, the keys, a spool whose second batch was not acknowledged, and a session of the command line.
//! Its gateway had served eight writes of 1,000 bytes, three of them in the first batch.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, Person, Result, Server, embedded_options, eventually, needs_one_control_plane, text,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

fn older() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/older")
}

fn read(name: &str) -> Result<Value> {
    let text = std::fs::read(older().join(name)).map_err(Error::Files)?;
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

/// Copies a directory with the permissions that it had; the copies of a version control system are readable by all.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

async fn traffic(owner: &Person) -> Result<(i64, i64)> {
    let stats = owner.get("/bucket/stats").send().await?.json_with_status(200)?;
    let figure = |name: &str| text(&stats["stats"][0][name]).parse().unwrap_or_default();
    Ok((figure("totalCount"), figure("totalUploadBytes")))
}

#[tokio::test]
async fn a_server_continues_with_the_data_directory_the_node_key_and_the_spool_of_an_older_one() -> Result<()>
{
    needs_one_control_plane!("it is about the files of the embedded database");
    let home = tempfile::tempdir().map_err(Error::Files)?;
    let data = home.path().join("data");
    copy(&older().join("data"), &data).map_err(Error::Files)?;
    continues_with(&data).await
}

/// A server on this data directory has everything that the older version left.
async fn continues_with(data: &Path) -> Result<()> {
    let credentials = read("credentials.json")?;
    let server = Server::start(embedded_options()?.data_dir(data)).await?;
    let owner = Person::new(&server, text(&credentials["token"]));
    let login = json!({ "email": credentials["email"], "password": credentials["password"] });
    server.post("/user/login").json(&login).send().await?.json_with_status(200)?;
    let buckets = owner.get("/bucket").send().await?.json_with_status(200)?;
    assert_eq!(buckets["buckets"][0]["name"], "Sample", "{buckets}");

    // The node has the same key: it is still the only one, and it can open what was sealed to it.
    let nodes = owner.get("/node").send().await?.json_with_status(200)?;
    assert_eq!(nodes["data"].as_array().map(Vec::len), Some(1), "{nodes}");
    let id = text(&buckets["buckets"][0]["id"]);
    let checked = owner.call(Method::POST, &format!("/bucket/{id}/validate")).json(&json!({})).send().await?;
    // The storage of that time is gone, so the node gets as far as its address.
    assert!(!checked.text().contains("NOT_OPENED"), "{}", checked.text());

    // Three requests were reported by the older version, five were left in its spool.
    let look = async || traffic(&owner).await;
    eventually("the traffic of the spool", SOON, look, |counted| *counted == (8, 8_000)).await?;
    Ok(())
}

/// When the new version is killed, in milliseconds after its start: often during its migrations, which an unoptimised build
/// makes within a second, and at last when it serves and reports the traffic that it found.
const KILLED_AFTER: [u64; 12] = [15, 22, 33, 50, 75, 113, 170, 256, 384, 576, 864, 1_300];

#[tokio::test]
async fn an_upgrade_that_is_killed_again_and_again_loses_nothing() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let terminal = CommandLine::new()?;
    let data = terminal.home().join("data");
    copy(&older().join("data"), &data).map_err(Error::Files)?;
    let shown = data.to_string_lossy().into_owned();
    let serve = ["serve", "--data-dir", &*shown, "--listen", "0", "--gateway-listen", "0"];
    for after in KILLED_AFTER {
        let mut server = terminal.start(&serve)?;
        // Here, a moment is what is tested: nothing that could be waited for has happened yet.
        let moment = tokio::time::timeout(Duration::from_millis(after), std::future::pending::<()>());
        assert!(moment.await.is_err());
        assert!(
            !server.output().contains("error: "),
            "killed before, it refuses to start: {}",
            server.output()
        );
        server.kill_hard().await?;
    }
    continues_with(&data).await
}

#[tokio::test]
async fn a_token_and_a_session_of_an_older_version_are_understood() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let home = tempfile::tempdir().map_err(Error::Files)?;
    let data = home.path().join("data");
    copy(&older().join("data"), &data).map_err(Error::Files)?;
    let server = Server::start(embedded_options()?.data_dir(&data)).await?;

    let credentials = read("credentials.json")?;
    let with_token = CommandLine::with_token(&server, text(&credentials["token"]))?;
    assert!(with_token.text(&["bucket", "list"]).await?.contains("Sample"));

    let terminal = CommandLine::new()?;
    let folder = terminal.home().join("config/bucketry");
    std::fs::create_dir_all(&folder).map_err(Error::Files)?;
    let mut session = read("session.json")?;
    session["url"] = server.api().into();
    std::fs::write(folder.join("session.json"), session.to_string()).map_err(Error::Files)?;
    let ended = terminal.run(&["bucket", "list"]).await?;
    // A session ends some weeks after it was used last, and this one isn't used. Its file is understood all the same.
    assert!(ended.stdout.contains("Sample") || ended.stderr.contains("session"), "{ended:?}");
    assert!(!ended.stderr.contains("damaged"), "{ended:?}");
    Ok(())
}
