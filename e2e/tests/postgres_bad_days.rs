//! Failures of PostgreSQL under a running server: each is reported with its cause, and everything recovers
//! automatically afterwards.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, OPEN_BUCKET, Person, Postgres, PostgresSettings, Result, Server, Stranger, embedded_options,
    eventually, needs_one_control_plane, new_database, options, query, s3_bucket, shared_s3_endpoint, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

async fn server_on(database: &str) -> Result<Server> {
    Server::start(options()?.env("BUCKETRY_DATABASE_URL", database)).await
}

/// The request that registers a bucket without validation.
async fn unvalidated(owner: &Person) -> Result<Value> {
    let body = s3_bucket("before", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    Ok(with(&body, &json!({ "skipValidation": true })))
}

/// Waits until a bucket with this name is registered.
async fn registered_in_the_end(owner: &Person, body: &Value, name: &str) -> Result<()> {
    let named = with(body, &json!({ "name": name }));
    let again = async || owner.post("/bucket", &named).send().await;
    eventually("writes being accepted again", SOON, again, |answer| answer.status == 200).await.map(drop)
}

#[tokio::test]
async fn a_database_that_becomes_read_only_is_read_from_until_it_takes_writes_again() -> Result<()> {
    let database = new_database().await?;
    let (server, name) = database.rsplit_once('/').unwrap_or_default();
    // The settings of a read-only database are changed from another database.
    let elsewhere = format!("{server}/postgres");
    let server = server_on(&database).await?;
    let owner = server.owner().await?;
    let body = unvalidated(&owner).await?;
    let id = owner.register(&body).await?;

    query(&elsewhere, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await?;
    // Cuts the connections, as a failover to a standby does.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    query(&database, cut).await?;
    let during = with(&body, &json!({ "name": "during" }));
    let look = async || owner.post("/bucket", &during).send().await;
    let refused = eventually("the refusal of a write", SOON, look, |answer| answer.status == 503).await?;
    assert_eq!(refused.json()?["error_code"], "STORAGE_UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
    let look = async || owner.get("/bucket?limit=10").send().await;
    let read = eventually("reads working", SOON, look, |answer| answer.status == 200).await?;
    assert_eq!(read.json()?["buckets"][0]["id"], json!(id));
    // Another control plane may have looked while the connections were cut.
    let look = async || server.get("/ready").send().await?.json_with_status(503);
    let is_read_only = |ready: &Value| {
        (&ready["database"], &ready["writes"]) == (&json!(true), &json!(false))
            && ready["message"].as_str().is_some_and(|message| message.contains("read-only"))
    };
    eventually("the message of /ready", SOON, look, is_read_only).await?;

    query(&elsewhere, &format!("ALTER DATABASE {name} RESET ALL")).await?;
    query(&database, cut).await?;
    registered_in_the_end(&owner, &body, "after").await?;
    let look = async || server.get("/ready").send().await;
    eventually("being ready", SOON, look, |answer| answer.status == 200).await?;
    Ok(())
}

#[tokio::test]
async fn a_strangers_lock_holds_up_what_needs_the_table_and_nothing_for_good() -> Result<()> {
    let database = new_database().await?;
    let server = server_on(&database).await?;
    let owner = server.owner().await?;
    let body = unvalidated(&owner).await?;
    let stranger = Stranger::begin(&database, "BEGIN; LOCK TABLE buckets").await?;
    let held = "SELECT count(*) FROM pg_locks l WHERE l.relation = 'buckets'::regclass AND l.granted \
                AND l.mode = 'AccessExclusiveLock'";
    eventually("the lock", SOON, async || query(&database, held).await, |count| count == "1").await?;

    // There are more calls than connections. Each gets a response, from whichever time limit it reaches first.
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..15 {
        let named = with(&body, &json!({ "name": format!("held up {number}") }));
        calls.spawn(owner.post("/bucket", &named).send());
    }
    while let Some(answer) = calls.join_next().await {
        let refused = answer??;
        assert_eq!(refused.json_with_status(503)?["error_code"], "STORAGE_UNAVAILABLE");
        assert!(refused.header("retry-after").is_some());
    }
    drop(stranger);
    registered_in_the_end(&owner, &body, "after").await?;
    assert_eq!(owner.buckets().await?.len(), 1, "refused calls stored nothing");
    Ok(())
}

/// A small file system in memory. Dropping it unmounts it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None if this process may not mount one.
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs"])
            .arg(at)
            .output();
        mounted.is_ok_and(|ended| ended.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazy, because a server may still use it for a moment.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room_again() -> Result<()> {
    let dir = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .map_err(bucketry_e2e::Error::Files)?;
    let Some(disk) = SmallDisk::mount(dir.path()) else {
        println!("skipped: only root can mount the small file system that this test fills");
        return Ok(());
    };
    // The write-ahead log stays small, so that tables fill the disk.
    let settings = PostgresSettings::default()
        .in_directory(&disk.0)
        .parameter("max_wal_size", "48MB")
        .parameter("min_wal_size", "32MB");
    let mut postgres = Postgres::start_with(settings).await?;
    let database = postgres.create_database("registry").await?;
    let server = server_on(&database).await?;
    let owner = server.owner().await?;
    let body = unvalidated(&owner).await?;
    let id = owner.register(&body).await?;

    // Fills the rest of the disk, up to the last block.
    let ballast = disk.0.join("ballast");
    let fill =
        Command::new("sh").arg("-c").arg("head -c 300000000 /dev/zero > \"$0\"; true").arg(&ballast).output();
    fill.map_err(bucketry_e2e::Error::Files)?;
    let mut number = 0;
    let look = async || {
        number += 1;
        owner.post("/bucket", &with(&body, &json!({ "name": format!("during {number}") }))).send().await
    };
    let refused = eventually("the refusal of a write", SOON, look, |answer| answer.status == 503).await?;
    assert_eq!(refused.json()?["error_code"], "STORAGE_UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
    let kept = number - 1;

    std::fs::remove_file(&ballast).map_err(bucketry_e2e::Error::Files)?;
    // If the write-ahead log had no room, PostgreSQL has stopped, and recovers at its next start.
    postgres.stop().await?;
    postgres.start_again().await?;
    registered_in_the_end(&owner, &body, "after").await?;
    // Other control planes may connect to the database a moment later.
    let acknowledged = |buckets: &Vec<Value>| buckets.len() == 2 + kept;
    let stored = "exactly the acknowledged buckets being stored";
    let buckets = eventually(stored, SOON, async || owner.buckets().await, acknowledged).await?;
    assert!(buckets.iter().any(|bucket| bucket["id"] == json!(id)));
    drop(postgres);
    drop(disk);
    Ok(())
}

const MOVED: usize = 20;

#[tokio::test]
async fn a_move_that_is_killed_in_the_middle_is_finished_by_the_same_command() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut first = Server::start(embedded_options()?).await?;
    let owner = first.owner().await?;
    let body = unvalidated(&owner).await?;
    for number in 0..MOVED {
        owner.register(&with(&body, &json!({ "name": format!("moved {number}") }))).await?;
    }
    let before = owner.buckets().await?;
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
    moving.kill_hard().await?;
    let there_by_now = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM buckets)";
    assert_eq!(query(&database, there_by_now).await?, "1|0", "the migration was interrupted in the middle");
    let refused = server_on(&database).await.unwrap_err().to_string();
    assert!(refused.contains("is unfinished") && refused.contains("bucketry migrate"), "{refused}");
    drop(stranger);

    let response = terminal.text(&there).await?;
    assert!(response.contains("both sides are identical"), "{response}");
    let moved = options()?.data_dir(first.data_dir()).env("BUCKETRY_DATABASE_URL", &database);
    let server = Server::start(moved).await?;
    let owner = owner.again_at(&server);
    assert_eq!(owner.buckets().await?.len(), before.len());
    Ok(())
}
