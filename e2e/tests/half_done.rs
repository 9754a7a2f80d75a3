//! Operations that lack half of what they need report it and do nothing, instead of succeeding with the other half.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, OPEN_BUCKET, Person, Result, Server, Stranger, embedded_options, eventually, list,
    needs_one_control_plane, new_database, query, s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// The files that are needed in addition to a database.
const BESIDE: [&str; 3] = ["vault.key", "node.pem", "token.key"];

async fn body_for(owner: &Person) -> Result<Value> {
    Ok(s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?))
}

async fn validated(owner: &Person, id: &str) -> Result<Value> {
    owner.call(Method::POST, &format!("/bucket/{id}/validate")).send().await?.json_with_status(200)
}

fn copy(files: &[&str], from: &Path, to: &Path) -> Result<()> {
    for file in files {
        std::fs::copy(from.join(file), to.join(file)).map_err(Error::Files)?;
    }
    Ok(())
}

fn make(directory: PathBuf) -> Result<PathBuf> {
    std::fs::create_dir(&directory).map_err(Error::Files)?;
    std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o700)).map_err(Error::Files)?;
    Ok(directory)
}

async fn refused(data_dir: &Path, database: Option<&str>) -> Result<String> {
    let mut options = embedded_options()?.data_dir(data_dir);
    if let Some(database) = database {
        options = options.env("BUCKETRY_DATABASE_URL", database);
    }
    let refusal = Server::start(options).await.err();
    assert!(refusal.is_some(), "the server should not have started");
    Ok(refusal.map(|error| error.to_string()).unwrap_or_default())
}

async fn secrets_found(terminal: &CommandLine, data_dir: &Path) -> Result<Value> {
    let ended = terminal.run(&["doctor", "--json", "--data-dir", &data_dir.to_string_lossy()]).await?;
    let findings: Value = serde_json::from_str(&ended.stdout).map_err(|_| ended.unlike("findings"))?;
    let found = list(&findings).iter().find(|finding| finding["check"] == "secrets").cloned();
    let found = found.ok_or_else(|| ended.unlike("a look at the secrets"))?;
    if found["ok"] == false {
        ended.with_status(1)?;
    }
    Ok(found)
}

#[tokio::test]
async fn a_restore_without_its_key_file_is_refused_until_that_is_wanted() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut server = Server::start(embedded_options()?).await?;
    let owner = server.owner().await?;
    let id = owner.register(&body_for(&owner).await?).await?;
    let terminal = CommandLine::new()?;
    let (data_dir, file) = (server.data_dir().to_owned(), terminal.home().join("copy.db"));
    let (told_dir, told_file) = (data_dir.to_string_lossy(), file.to_string_lossy());
    terminal.text(&["backup", &told_file, "--data-dir", &told_dir]).await?;
    let recipient =
        terminal.text(&["vault", "export-recipients", "--data-dir", &told_dir]).await?.trim().to_owned();
    server.terminate().await?;

    let restored = make(terminal.home().join("restored"))?;
    copy(&["node.pem", "token.key"], &data_dir, &restored)?;
    let to = restored.to_string_lossy().into_owned();
    terminal.text(&["restore", &told_file, "--data-dir", &to, "--without-keys"]).await?;
    // The second start must not use what the first one left behind.
    for _ in 0..2 {
        let response = refused(&restored, None).await?;
        for word in ["restored/vault.key is missing", &recipient, "--start-without-secrets"] {
            assert!(response.contains(word), "{word}: {response}");
        }
        assert!(!restored.join("vault.key").exists(), "no key was created");
    }
    let found = secrets_found(&terminal, &restored).await?;
    assert_eq!(found["ok"], false, "{found}");
    assert!(text(&found["message"]).contains(&recipient), "{found}");

    // The keys of another registry are refused as well.
    let stranger = Server::start(embedded_options()?).await?;
    copy(&["vault.key"], stranger.data_dir(), &restored)?;
    let response = refused(&restored, None).await?;
    assert!(response.contains("contains other keys") && response.contains(&recipient), "{response}");
    std::fs::remove_file(restored.join("vault.key")).map_err(Error::Files)?;

    // With the flag the registry starts. The secret is entered again, and later starts don't need the flag.
    let without = embedded_options()?.data_dir(&restored);
    let mut server = Server::start(without.clone().arg("--start-without-secrets")).await?;
    let owner = owner.again_at(&server);
    assert!(server.log().contains("vault.key is missing"), "{}", server.log());
    let look = async || owner.status_of(&id).await;
    eventually("the bucket being OFFLINE", SOON, look, |status| status == "OFFLINE").await?;
    let found = secrets_found(&terminal, &restored).await?;
    assert_eq!(found["ok"], false, "doctor also checks under a running server: {found}");
    let body = body_for(&owner).await?;
    owner.put(&format!("/bucket/{id}"), &body).send().await?.json_with_status(200)?;
    assert_eq!(validated(&owner, &id).await?["status"], "ONLINE");
    server.kill_hard().await?;
    let server = Server::start(without).await?;
    assert_eq!(validated(&owner.again_at(&server), &id).await?["status"], "ONLINE");
    assert_eq!(secrets_found(&terminal, &restored).await?["ok"], true);
    Ok(())
}

#[tokio::test]
async fn a_restore_with_its_key_file_is_whole() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut server = Server::start(embedded_options()?).await?;
    let owner = server.owner().await?;
    let id = owner.register(&body_for(&owner).await?).await?;
    server.terminate().await?;
    let terminal = CommandLine::new()?;
    let restored = make(terminal.home().join("restored"))?;
    // Other missing key files are created again, with a warning, because their loss does little harm.
    copy(&["bucketry.db", "vault.key"], server.data_dir(), &restored)?;
    let server = Server::start(embedded_options()?.data_dir(&restored)).await?;
    let owner = server.owner().await?;
    assert_eq!(validated(&owner, &id).await?["status"], "ONLINE");
    for file in ["token.key", "node.pem"] {
        assert!(server.log().contains(&format!("{file} was missing")), "{}", server.log());
    }
    Ok(())
}

#[tokio::test]
async fn keys_without_their_database_begin_no_new_registry() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut server = Server::start(embedded_options()?).await?;
    server.terminate().await?;
    let terminal = CommandLine::new()?;
    let directory = make(terminal.home().join("data"))?;
    copy(&BESIDE, server.data_dir(), &directory)?;
    let response = refused(&directory, None).await?;
    for word in ["keys but no database", "bucketry.db", "--database-url"] {
        assert!(response.contains(word), "{word}: {response}");
    }
    assert!(!directory.join("bucketry.db").exists());
    let found = secrets_found(&terminal, &directory).await?;
    assert_eq!(found["ok"], false, "{found}");
    Ok(())
}

#[tokio::test]
async fn what_others_can_read_is_told_at_the_start_and_by_doctor() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut server = Server::start(embedded_options()?).await?;
    let (terminal, data_dir) = (CommandLine::new()?, server.data_dir().to_owned());
    let mode = |file: &str| {
        std::fs::metadata(data_dir.join(file))
            .map(|found| found.permissions().mode() & 0o777)
            .unwrap_or_default()
    };
    assert_eq!((mode("spool"), mode("spool/lock")), (0o700, 0o600));
    assert!(!server.log().contains("other users can"), "{}", server.log());
    server.terminate().await?;
    std::fs::set_permissions(&data_dir, PermissionsExt::from_mode(0o755)).map_err(Error::Files)?;
    server.restart().await?;
    assert!(server.log().contains("chmod 700"), "{}", server.log());
    let ended = terminal.run(&["doctor", "--data-dir", &data_dir.to_string_lossy()]).await?.with_status(1)?;
    assert!(ended.stdout.contains("✗ data directory") && ended.stdout.contains("chmod 700"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_registry_is_not_moved_under_a_running_server() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let database = new_database().await?;
    let on_postgres = embedded_options()?.env("BUCKETRY_DATABASE_URL", &database);
    let mut server = Server::start(on_postgres).await?;
    let owner = server.owner().await?;
    let body = with(&body_for(&owner).await?, &json!({ "skipValidation": true }));
    owner.register(&body).await?;
    let terminal = CommandLine::new()?;
    let directory = terminal.home().join("moved");
    let target = format!("sqlite:{}", directory.display());
    let moving = ["migrate", "--from", &database, "--to", &target];

    for round in 0..2 {
        let ended = terminal.run(&moving).await?.with_status(1)?;
        assert!(ended.stderr.contains("running server") && ended.stderr.contains("stop it"), "{ended:?}");
        owner.register(&with(&body, &json!({ "name": format!("meanwhile {round}") }))).await?;
        // A server whose connections were cut blocks migrations again as soon as it has reconnected.
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        query(&database, cut).await?;
        let look = async || Ok(owner.get("/bucket").send().await?.status);
        eventually("the server being back", SOON, look, |status| *status == 200).await?;
    }
    server.terminate().await?;

    let ended = terminal.run(&moving).await?.with_status(0)?;
    assert!(ended.stdout.contains("both sides are identical"), "{ended:?}");
    let told_dir = directory.to_string_lossy();
    for word in [
        &format!("now in {told_dir}/bucketry.db"),
        "Copy vault.key, node.pem, token.key",
        "without --database-url",
    ] {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
    assert!(ended.stderr.contains(&format!("into {told_dir}")), "{}", ended.stderr);
    let response = refused(&directory, None).await?;
    assert!(response.contains("vault.key is missing"), "{response}");
    copy(&BESIDE, server.data_dir(), &directory)?;
    let server = Server::start(embedded_options()?.data_dir(&directory)).await?;
    assert_eq!(owner.again_at(&server).buckets().await?.len(), 3, "nothing was missed");
    Ok(())
}

#[tokio::test]
async fn no_server_starts_on_a_side_that_is_being_moved() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut first = Server::start(embedded_options()?).await?;
    let owner = first.owner().await?;
    owner.register(&with(&body_for(&owner).await?, &json!({ "skipValidation": true }))).await?;
    first.terminate().await?;
    let (database, terminal) = (new_database().await?, CommandLine::new()?);
    // Another session locks the table of buckets as soon as the migration begins.
    let begun = "DO $$ BEGIN LOOP PERFORM 1 FROM pg_class WHERE relname = 'unfinished_transfer'; EXIT WHEN FOUND; \
                 PERFORM pg_sleep(0.005); END LOOP; END $$; BEGIN; LOCK TABLE buckets IN SHARE MODE";
    let stranger = Stranger::begin(&database, begun).await?;
    let source = format!("sqlite:{}", first.data_dir().display());
    let there = ["migrate", "--from", &source, "--to", &database];
    let mut moving = terminal.start(&there)?;
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'";
    eventually("the move waiting", SOON, async || query(&database, waits).await, |count| count == "1")
        .await?;

    let elsewhere = make(terminal.home().join("elsewhere"))?;
    let response = refused(&elsewhere, Some(&database)).await?;
    assert!(response.contains("bucketry migrate") && response.contains("wait until"), "{response}");
    let response = refused(first.data_dir(), None).await?;
    assert!(response.contains("bucketry migrate") && response.contains("in use"), "{response}");
    let second = terminal.run(&there).await?.with_status(1)?;
    assert!(second.stderr.contains("bucketry migrate"), "{second:?}");
    moving.kill_hard().await?;
    drop(stranger);

    let ended = terminal.run(&there).await?.with_status(0)?;
    assert!(ended.stderr.contains("now in postgres://") && ended.stderr.contains("out of date"), "{ended:?}");
    let moved = embedded_options()?.data_dir(first.data_dir()).env("BUCKETRY_DATABASE_URL", &database);
    let server = Server::start(moved).await?;
    assert_eq!(owner.again_at(&server).buckets().await?.len(), 1);
    Ok(())
}
