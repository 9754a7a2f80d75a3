//! Applications continue with their old keys after a restore, and traffic is counted once.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use bucketry_e2e::{
    CommandLine, Error, RepositoryAccess, Result, Server, Stranger, eventually, list, options, query,
    run_python, text,
};
use http::Method;
use serde_json::json;

use crate::machines::{
    Deployment, SOON, age_key, at, empty_machine, names, program_without, registry, running, shown,
    with_registry,
};

/// Keeps everybody else from writing to an embedded database, until a file is gone.
const LOCK_DATABASE: &str = r"
import json, os, sqlite3, sys, time
database, sign = sys.argv[1:]
connection = sqlite3.connect(database, isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
open(sign, 'w').close()
while os.path.exists(sign):
    time.sleep(0.02)
connection.execute('ROLLBACK')
print(json.dumps('released'))
";

#[tokio::test]
async fn an_empty_machine_serves_the_old_key_after_a_restore() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let mut before = Deployment::start(options()?, "restored").await?;
    let backup = shown(&terminal.home().join("backup"));
    let from = before.registry();
    let args = with_registry(&["backup", &backup, "--recipient", &recipient], &from);
    let made = terminal.json(&args).await?;
    assert_eq!((&made["file"], made["rows"].as_i64() > Some(10)), (&json!(backup), true), "{made}");
    let written = fs::read_to_string(&backup).map_err(Error::Files)?;
    assert_eq!(made["bytes"], json!(written.len()), "{made}");
    for file in ["vault.key", "node.pem", "token.key"] {
        let key = fs::read_to_string(before.server.data_dir().join(file)).map_err(Error::Files)?;
        let secret = key.lines().rfind(|line| !line.starts_with(['#', '-'])).unwrap_or_default();
        assert!(secret.len() > 20 && !written.contains(secret), "{file} is in the backup in plain text");
    }

    let (data_dir, database) = empty_machine(&before.server, terminal.home()).await?;
    let to = registry(&data_dir, database.as_deref());
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &to);
    // Nothing is written by a mere check.
    let checked = terminal.json(&[&restore[..], &["--check"]].concat()).await?;
    assert_eq!(checked["keys"], json!(["node.pem", "token.key", "vault.key"]), "{checked}");
    assert!(!data_dir.exists());
    before.server.terminate().await?;
    let program = program_without(before.server.data_dir(), terminal.home()).await?;
    let ended = tokio::process::Command::new(&program).args(&restore).output().await.map_err(Error::Files)?;
    let [said, warned] = [&ended.stdout, &ended.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(ended.status.success() && said.contains("restored") && !warned.contains("warning"), "{ended:?}");
    for file in ["vault.key", "node.pem", "token.key"] {
        let mode = fs::metadata(data_dir.join(file)).map_err(Error::Files)?.mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let server = Server::start(running(&program, &data_dir, database.as_deref())).await?;
    let after = before.again_at(server).await?;
    assert_eq!(after.owner.bucket(&after.bucket).await?["name"], "Photos", "the old session is valid");
    let put = after.access.object(Method::PUT, "after").raw("text/plain", "after").send().await?;
    let got = after.access.object(Method::GET, "after").send().await?;
    assert_eq!((put.status, got.status, got.text().as_str()), (200, 200, "after"));
    let validate = format!("/bucket/{}/validate", after.bucket);
    let validated = after.owner.call(Method::POST, &validate).send().await?;
    assert_eq!(validated.json_with_status(200)?["status"], "ONLINE", "its secret can be opened");
    Ok(())
}

#[tokio::test]
async fn traffic_that_was_not_reported_yet_arrives_after_a_restore_exactly_once() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let mut before = Deployment::start(options()?, "unreported").await?;
    before.has_uploaded(1_000).await?;
    let sign = terminal.home().join("locked");
    // The database accepts no more writes, so traffic stays in the spool.
    let (stranger, lock) = if let Some(database) = before.server.database() {
        let held = "BEGIN; LOCK TABLE usage_series, usage_minutes IN SHARE ROW EXCLUSIVE MODE";
        (Some(Stranger::begin(database, held).await?), None)
    } else {
        let args = [shown(&before.server.data_dir().join("bucketry.db")), shown(&sign)];
        let lock =
            tokio::spawn(
                async move { run_python(LOCK_DATABASE, &args.each_ref().map(String::as_str)).await },
            );
        let look = async || Ok(sign.exists());
        eventually("the database being locked", SOON, look, |locked| *locked).await?;
        (None, Some(lock))
    };
    if let Some(database) = before.server.database() {
        let look = async || {
            query(database, "SELECT count(*) FROM pg_locks WHERE mode = 'ShareRowExclusiveLock' AND granted")
                .await
        };
        eventually("the tables being locked", SOON, look, |count| count != "0").await?;
    }
    for number in 0..7 {
        before.put(&format!("unreported-{number}"), 2_000).await?;
    }
    // Everything is on the disk when the process has ended, and nothing of it is in the database.
    before.server.terminate().await?;
    drop(stranger);
    if let Some(lock) = lock {
        fs::remove_file(&sign).map_err(Error::Files)?;
        lock.await.map_err(|error| Error::Files(std::io::Error::other(error)))??;
    }

    let backup = shown(&terminal.home().join("backup"));
    let from = before.registry();
    terminal
        .run(&with_registry(&["backup", &backup, "--recipient", &recipient], &from))
        .await?
        .with_status(0)?;
    let written = fs::read_to_string(&backup).map_err(Error::Files)?;
    assert!(written.contains("{\"spool\":"), "the backup has the spool");
    let (data_dir, database) = empty_machine(&before.server, terminal.home()).await?;
    let to = registry(&data_dir, database.as_deref());
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &to);
    terminal.run(&restore).await?.with_status(0)?;

    let server = Server::start(at(&data_dir, database.as_deref())?).await?;
    let mut after = before.again_at(server).await?;
    after.has_uploaded(1_000 + 7 * 2_000).await?;
    // Also not when the spool is read again.
    after.server.kill_hard().await?;
    after.server.restart().await?;
    let Deployment { server, owner, bucket, access } = after;
    let endpoint = server.gateway().unwrap_or_default().to_owned();
    let access = RepositoryAccess { endpoint, ..access };
    let again = Deployment { owner: owner.again_at(&server), server, bucket, access };
    again.put("marker", 500).await?;
    again.has_uploaded(1_000 + 7 * 2_000 + 500).await?;
    Ok(())
}

#[tokio::test]
async fn scheduled_backups_can_be_restored_and_are_counted() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let backups = terminal.home().join("backups");
    let options = options()?
        .env("BUCKETRY_BACKUP_DIR", &shown(&backups))
        .env("BUCKETRY_BACKUP_RECIPIENTS", &recipient)
        .env("BUCKETRY_BACKUP_INTERVAL", "1");
    let before = Deployment::start(options, "scheduled").await?;
    let made = || names(&backups).into_iter().filter(|name| name.ends_with(".backup")).collect::<Vec<_>>();
    let look = async || Ok(made());
    let made = eventually("the first backup", SOON, look, |made| made.len() == 1).await?;
    let log = before.server.log();
    assert!(!log.contains("scheduled backup failed"), "{log}");
    // The server hasn't lost its locks: another program that closes the database leaves its log alone.
    terminal.run(&with_registry(&["backup", "--record"], &before.registry())).await?.with_status(0)?;
    let wal = before.server.data_dir().join("bucketry.db-wal");
    assert!(before.server.database().is_some() || wal.exists(), "the log of the running server was removed");
    let findings = before.owner.get("/findings").send().await?.json_with_status(200)?;
    let codes: Vec<&str> = list(&findings["findings"]).iter().map(|one| text(&one["code"])).collect();
    assert!(!codes.contains(&"BACKUP_OLD"), "{findings}");

    let (data_dir, database) = empty_machine(&before.server, terminal.home()).await?;
    let to = registry(&data_dir, database.as_deref());
    let backup = shown(&backups.join(&made[0]));
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &to);
    terminal.run(&restore).await?.with_status(0)?;
    let server = Server::start(at(&data_dir, database.as_deref())?).await?;
    // It may have been made before the owner logged in and registered the bucket.
    let owner = server.owner().await?;
    assert!(owner.buckets().await?.len() <= 1);
    Ok(())
}
