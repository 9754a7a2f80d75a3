//! A registry is backed up and restored onto an empty machine, where applications continue with their old keys. And a bad
//! day: whatever is wrong with a backup, with the place to restore it to, or with the machine meanwhile.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, OPEN_BUCKET, Options, Person, RepositoryAccess, Result, Server, Stranger, binary,
    embedded_options, eventually, list, new_database, options, query, run_python, s3_bucket,
    shared_s3_endpoint, text,
};
use http::Method;
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

/// Creates an age key with an independent tool: the private and the public half.
const MAKE_AGE_KEY: &str = r"
import json, pyrage
key = pyrage.x25519.Identity.generate()
print(json.dumps([str(key), str(key.to_public())]))
";

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

/// A file with a private key, readable by its owner only, and the public key.
async fn age_key(dir: &Path) -> Result<(String, String)> {
    let pair = run_python(MAKE_AGE_KEY, &[]).await?;
    let path = dir.join("backup-key.txt");
    fs::write(&path, format!("# for backups\n{}\n", text(&pair[0]))).map_err(Error::Files)?;
    private(&path)?;
    Ok((path.to_string_lossy().into_owned(), text(&pair[1]).to_owned()))
}

fn private(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(Error::Files)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A server with a bucket, a repository and an access key, under a path of the bucket that only it uses.
struct Deployment {
    server: Server,
    owner: Person,
    bucket: String,
    access: RepositoryAccess,
}

impl Deployment {
    async fn start(options: Options, folder: &str) -> Result<Self> {
        let server = Server::start(options.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
        let owner = server.owner().await?;
        let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
        let bucket = owner.register(&body).await?;
        let folder = format!("{folder}-{}", std::process::id());
        let place = json!([{ "bucketId": bucket, "folder": folder, "master": false }]);
        let fields = json!({ "name": "Media", "repoBuckets": place });
        let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
        let deployment = Self { server, owner, bucket, access };
        deployment.put("before", 1_000).await?;
        Ok(deployment)
    }

    /// The same deployment on another machine: the old session and the old access key, at new addresses.
    async fn again_at(self, server: Server) -> Result<Self> {
        let access =
            RepositoryAccess { endpoint: server.gateway().unwrap_or_default().to_owned(), ..self.access };
        let look = async || Ok(access.object(Method::HEAD, "before").send().await?.status);
        eventually("the old key being served", SOON, look, |status| *status == 200).await?;
        Ok(Self { owner: self.owner.again_at(&server), server, bucket: self.bucket, access })
    }

    async fn put(&self, key: &str, bytes: usize) -> Result<()> {
        let put = async || {
            let call = self.access.object(Method::PUT, key).raw("text/plain", vec![b'x'; bytes]);
            Ok(call.send().await?.status)
        };
        eventually("the object being stored", SOON, put, |status| *status == 200).await.map(drop)
    }

    async fn uploaded(&self) -> Result<i64> {
        let path = format!("/bucket/stats?bucketId={}", self.bucket);
        let stats = self.owner.get(&path).send().await?.json_with_status(200)?;
        let figure = &stats["stats"][0]["totalUploadBytes"];
        Ok(figure.as_i64().or_else(|| figure.as_str()?.parse().ok()).unwrap_or_default())
    }

    async fn has_uploaded(&self, bytes: i64) -> Result<()> {
        let look = async || self.uploaded().await;
        eventually("the traffic being counted", SOON, look, |counted| *counted >= bytes).await?;
        assert_eq!(self.uploaded().await?, bytes, "each request is counted once");
        Ok(())
    }

    /// The arguments that name its registry.
    fn registry(&self) -> Vec<String> {
        registry(self.server.data_dir(), self.server.database())
    }
}

fn registry(data_dir: &Path, database: Option<&str>) -> Vec<String> {
    let mut args = vec!["--data-dir".to_owned(), shown(data_dir)];
    if let Some(database) = database {
        args.extend(["--database-url".to_owned(), database.to_owned()]);
    }
    args
}

fn with_registry<'a>(args: &[&'a str], registry: &'a [String]) -> Vec<&'a str> {
    args.iter().copied().chain(registry.iter().map(String::as_str)).collect()
}

/// An empty machine: a directory that doesn't exist, and for PostgreSQL an empty database.
async fn empty_machine(like: &Server, dir: &Path) -> Result<(PathBuf, Option<String>)> {
    let database = match like.database() {
        Some(_) => Some(new_database().await?),
        None => None,
    };
    Ok((dir.join("empty machine/data"), database))
}

fn at(data_dir: &Path, database: Option<&str>) -> Result<Options> {
    let options = embedded_options()?.data_dir(data_dir).env("BUCKETRY_PROBE_INTERVAL", "3600");
    Ok(match database {
        Some(database) => options.env("BUCKETRY_DATABASE_URL", database),
        None => options,
    })
}

#[tokio::test]
async fn an_empty_machine_serves_the_old_key_after_a_restore() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let before = Deployment::start(options()?, "restored").await?;
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
    let ended = terminal.run(&restore).await?.with_status(0)?;
    assert!(ended.stdout.contains("restored") && !ended.stderr.contains("warning"), "{ended:?}");
    for file in ["vault.key", "node.pem", "token.key"] {
        let mode = fs::metadata(data_dir.join(file)).map_err(Error::Files)?.mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let after = before.again_at(Server::start(at(&data_dir, database.as_deref())?).await?).await?;
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
    let (stranger, lock) = match before.server.database() {
        Some(database) => {
            let held = "BEGIN; LOCK TABLE usage_series, usage_minutes IN SHARE ROW EXCLUSIVE MODE";
            (Some(Stranger::begin(database, held).await?), None)
        }
        None => {
            let args = [shown(&before.server.data_dir().join("bucketry.db")), shown(&sign)];
            let lock =
                tokio::spawn(
                    async move { run_python(LOCK_DATABASE, &args.each_ref().map(String::as_str)).await },
                );
            let look = async || Ok(sign.exists());
            eventually("the database being locked", SOON, look, |locked| *locked).await?;
            (None, Some(lock))
        }
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
async fn a_restore_refuses_what_would_do_harm_and_names_it() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let before = Deployment::start(options()?, "refused").await?;
    let (plain, full) = (shown(&terminal.home().join("plain")), shown(&terminal.home().join("full")));
    let from = before.registry();
    terminal.run(&with_registry(&["backup", &plain], &from)).await?.with_status(0)?;
    terminal
        .run(&with_registry(&["backup", &full, "--recipient", &recipient], &from))
        .await?
        .with_status(0)?;
    let (data_dir, database) = empty_machine(&before.server, terminal.home()).await?;
    let to = registry(&data_dir, database.as_deref());
    let refused = async |file: &str, more: &[&str], words: &[&str]| -> Result<()> {
        let args = with_registry(&[&["restore", file], more].concat(), &to);
        let ended = terminal.run(&args).await?;
        assert!(matches!(ended.status(), Some(1 | 2)), "{ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{word}: {ended:?}");
        }
        assert!(!data_dir.join("vault.key").exists() && !data_dir.join("bucketry.db").exists());
        Ok(())
    };
    refused(&plain, &[], &["vault.key is missing", "contains no key files", "--without-keys"]).await?;
    refused(&full, &[], &["vault.key is missing", &recipient, "--identity"]).await?;
    refused(&full, &["--identity", "nowhere"], &["--identity", "no file nowhere"]).await?;
    refused(&plain, &["--identity", &identity], &["contains no key files"]).await?;
    let other = terminal.home().join("other");
    fs::create_dir(&other).map_err(Error::Files)?;
    let (stranger, _) = age_key(&other).await?;
    refused(&full, &["--identity", &stranger], &["encrypted to", &recipient]).await?;

    let text = fs::read_to_string(&full).map_err(Error::Files)?;
    let changed = |name: &str, content: &str| terminal.file(name, content);
    let truncated = changed("truncated", &text[..text.len() / 2])?;
    refused(&truncated, &["--identity", &identity], &["truncated is incomplete"]).await?;
    let altered = changed("altered", &text.replacen("Photos", "Photoz", 1))?;
    refused(&altered, &["--identity", &identity], &["altered is damaged or was altered", "checksum"]).await?;
    let newer = changed("newer", &text.replacen("\"format\":1", "\"format\":9", 1))?;
    refused(&newer, &["--identity", &identity], &["newer version of Bucketry", "format 9"]).await?;
    refused("missing", &[], &["can't read missing"]).await?;
    let sqlite = changed("bucketry.db", "SQLite format 3\0…")?;
    refused(&sqlite, &[], &["is not a backup"]).await?;

    // A running server, whatever the flags.
    let running = registry(before.server.data_dir(), before.server.database());
    let args = with_registry(&["restore", &full, "--identity", &identity, "--overwrite"], &running);
    let ended = terminal.run(&args).await?.with_status(1)?;
    assert!(ended.stderr.contains("in use by another process"), "{ended:?}");
    assert_eq!(before.owner.bucket(&before.bucket).await?["name"], "Photos");
    Ok(())
}

#[tokio::test]
async fn nothing_is_replaced_without_the_flag_and_nothing_is_lost_with_it() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let mut before = Deployment::start(embedded_options()?, "replaced").await?;
    let backup = shown(&terminal.home().join("backup"));
    let from = before.registry();
    terminal
        .run(&with_registry(&["backup", &backup, "--recipient", &recipient], &from))
        .await?
        .with_status(0)?;
    // Somebody makes a mistake after the backup.
    before.owner.put(&format!("/bucket/{}", before.bucket), &json!({ "name": "Oops" })).send().await?;
    before.server.terminate().await?;
    let data_dir = before.server.data_dir().to_owned();
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &from);
    let ended = terminal.run(&restore).await?.with_status(1)?;
    for word in ["bucketry.db", "--overwrite", "nothing was restored"] {
        assert!(ended.stderr.contains(word), "{word}: {ended:?}");
    }
    assert!(!ended.stderr.contains("vault.key"), "it is the same: {ended:?}");
    let ended = terminal.run(&[&restore[..], &["--overwrite"]].concat()).await?.with_status(0)?;
    assert!(ended.stderr.contains("before-restore-1"), "{ended:?}");
    assert!(data_dir.join("before-restore-1/bucketry.db").exists());
    before.server.restart().await?;
    let owner = before.owner.again_at(&before.server);
    assert_eq!(owner.bucket(&before.bucket).await?["name"], "Photos");
    Ok(())
}

#[tokio::test]
async fn a_restore_without_keys_is_possible_if_that_is_wanted() -> Result<()> {
    let terminal = CommandLine::new()?;
    let before = Deployment::start(options()?, "keyless").await?;
    let backup = shown(&terminal.home().join("backup"));
    let from = before.registry();
    terminal.run(&with_registry(&["backup", &backup], &from)).await?.with_status(0)?;
    let (data_dir, database) = empty_machine(&before.server, terminal.home()).await?;
    let to = registry(&data_dir, database.as_deref());
    let ended =
        terminal.run(&with_registry(&["restore", &backup, "--without-keys"], &to)).await?.with_status(0)?;
    assert!(ended.stderr.contains("--start-without-secrets"), "{ended:?}");
    let server = Server::start(at(&data_dir, database.as_deref())?.arg("--start-without-secrets")).await?;
    let owner = server.owner().await?;
    assert_eq!(owner.bucket(&before.bucket).await?["hasSecret"], true);
    Ok(())
}

/// Runs the program so that no file may become larger than some KiB. It gets an error, as from a full disk, or it is killed
/// at the first write beyond that.
async fn limited(kib: u64, is_killed: bool, args: &[&str]) -> Result<Output> {
    let trap = if is_killed { "" } else { "trap '' XFSZ; " };
    let mut shell = tokio::process::Command::new("bash");
    shell.args(["-c", &format!("{trap}ulimit -c 0; ulimit -f {kib}; exec \"$0\" \"$@\"")]);
    shell.arg(binary()?).args(args).stdin(Stdio::null()).kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BUCKETRY_") {
            shell.env_remove(name);
        }
    }
    shell.output().await.map_err(Error::Files)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_full_disk_leaves_nothing_incomplete_and_is_named() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let before = Deployment::start(embedded_options()?, "full").await?;
    let backups = terminal.home().join("backups");
    fs::create_dir(&backups).map_err(Error::Files)?;
    let backup = shown(&backups.join("backup"));
    let from = before.registry();
    let args = with_registry(&["backup", &backup, "--recipient", &recipient], &from);
    for kib in [0, 4] {
        let ended = limited(kib, false, &args).await?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains("no backup was written"), "{said}");
        assert!(said.contains("the disk of") && said.contains(&backup), "{said}");
        assert!(names(&backups).is_empty(), "{:?}", names(&backups));
    }
    terminal.run(&args).await?.with_status(0)?;
    assert_eq!(names(&backups), ["backup"]);

    let data_dir = terminal.home().join("restored");
    let to = registry(&data_dir, None);
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &to);
    for kib in [0, 4, 64] {
        let ended = limited(kib, false, &restore).await?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains("nothing was restored"), "{said}");
        assert!(said.contains("disk") || said.contains("File too large"), "{said}");
        assert!(names(&data_dir).iter().all(|name| name == "lock"), "{:?}", names(&data_dir));
    }
    terminal.run(&restore).await?.with_status(0)?;
    let server = Server::start(at(&data_dir, None)?).await?;
    before.again_at(server).await?.put("after", 10).await
}

#[tokio::test]
async fn a_restore_that_is_killed_is_recognised_and_done_again() -> Result<()> {
    let terminal = CommandLine::new()?;
    let (identity, recipient) = age_key(terminal.home()).await?;
    let before = Deployment::start(embedded_options()?, "killed-restore").await?;
    let backup = shown(&terminal.home().join("backup"));
    let from = before.registry();
    terminal
        .run(&with_registry(&["backup", &backup, "--recipient", &recipient], &from))
        .await?
        .with_status(0)?;
    let data_dir = terminal.home().join("restored");
    let to = registry(&data_dir, None);
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &to);
    for kib in [64, 200] {
        let ended = limited(kib, true, &restore).await?;
        assert_eq!(ended.status.code(), None, "it was killed: {ended:?}");
        assert_eq!(names(&data_dir), ["lock", "restore.partial"]);
        let refused = Server::start(at(&data_dir, None)?).await.err().map(|error| error.to_string());
        let refused = refused.unwrap_or_default();
        assert!(refused.contains("was interrupted: run the same command again"), "{refused}");
        let reset = ["admin", "reset-password", "owner@example.com", "--data-dir", &shown(&data_dir)];
        assert!(terminal.run(&reset).await?.with_status(1)?.stderr.contains("was interrupted"));
    }
    terminal.run(&restore).await?.with_status(0)?;
    assert!(!names(&data_dir).iter().any(|name| name.starts_with("restore.")), "{:?}", names(&data_dir));
    let server = Server::start(at(&data_dir, None)?).await?;
    before.again_at(server).await?.put("after", 10).await
}

#[tokio::test]
async fn what_may_not_be_written_or_read_is_named() -> Result<()> {
    let terminal = CommandLine::new()?;
    let server = Server::start(embedded_options()?).await?;
    let data_dir = shown(server.data_dir());
    let public = tempfile::tempdir().map_err(Error::Files)?;
    fs::set_permissions(public.path(), fs::Permissions::from_mode(0o755)).map_err(Error::Files)?;
    let backup = shown(&public.path().join("backup"));
    terminal.run(&["backup", &backup, "--data-dir", &data_dir]).await?.with_status(0)?;
    fs::set_permissions(&backup, fs::Permissions::from_mode(0o644)).map_err(Error::Files)?;
    // Nobody: permissions don't apply to root.
    let as_nobody = async |args: &[&str]| -> Result<String> {
        let mut command = tokio::process::Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(binary()?).args(args).env("HOME", "/").current_dir("/").stdin(Stdio::null());
        let ended = command.output().await.map_err(Error::Files)?;
        assert!(!ended.status.success(), "{args:?}: {ended:?}");
        Ok(String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let is_root = fs::metadata("/proc/self").map_err(Error::Files)?.uid() == 0;
    if is_root {
        let target = shown(&public.path().join("data"));
        let said = as_nobody(&["restore", &backup, "--data-dir", &target, "--without-keys"]).await?;
        assert!(said.contains(&format!("can't use {target}: Permission denied")), "{said}");
        let there = shown(&public.path().join("there"));
        let said = as_nobody(&["backup", &there, "--data-dir", &data_dir]).await?;
        assert!(said.contains(&data_dir) && said.contains("Permission denied"), "{said}");
        private(Path::new(&backup))?;
        let said = as_nobody(&["restore", &backup, "--data-dir", &target, "--without-keys"]).await?;
        assert!(said.contains(&format!("can't read {backup}: Permission denied")), "{said}");
    } else {
        eprintln!("skipped: only root can become a user without permissions");
    }
    // A place where nobody may create anything.
    let args = ["restore", &backup, "--data-dir", "/proc/none", "--without-keys"];
    let ended = terminal.run(&args).await?.with_status(1)?;
    assert!(ended.stderr.contains("can't use /proc/none"), "{ended:?}");
    let ended =
        terminal.run(&["backup", "/proc/none/backup", "--data-dir", &data_dir]).await?.with_status(1)?;
    assert!(ended.stderr.contains("can't write /proc/none/backup: No such file"), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn errors_name_their_cause() -> Result<()> {
    let terminal = CommandLine::new()?;
    let server = Server::start(embedded_options()?).await?;
    let data_dir = shown(server.data_dir());
    let taken = terminal.file("taken", "precious")?;
    let file = terminal.file("file", "")?;
    let empty = terminal.home().join("empty");
    fs::create_dir(&empty).map_err(Error::Files)?;
    fs::write(empty.join("bucketry.db"), "").map_err(Error::Files)?;
    let empty = shown(&empty);
    let nowhere = shown(&terminal.home().join("nowhere"));
    let gone = "postgres://nobody@127.0.0.1:1/none";
    for (args, words) in [
        (&["backup", &taken, "--data-dir", &data_dir][..], &["taken already exists"][..]),
        (&["backup", "b", "--data-dir", &nowhere], &["there is no database in", "nowhere", "--data-dir"]),
        (&["backup", "--record", "--data-dir", &nowhere], &["there is no database in", "nowhere"]),
        (&["backup", "b", "--data-dir", &empty], &["no registry"]),
        (
            &["backup", "b", "--database-url", gone],
            &["postgres://nobody@127.0.0.1:1/none", "Connection refused"],
        ),
        (&["backup", "--record", "--database-url", gone], &["postgres://nobody@", "Connection refused"]),
        (&["backup", "b", "--data-dir", &data_dir, "--recipient", "age1wrong"], &["--recipient", "age1"]),
        (&["restore", &taken, "--data-dir", &nowhere], &["taken is not a backup"]),
        (
            &["migrate", "--from", &format!("sqlite:{nowhere}"), "--to", gone],
            &["there is no database in", "--from"],
        ),
        (&["serve", "--data-dir", &file], &["can't open", "file", "File exists"]),
        (
            &["serve", "--listen", "127.0.0.1:0", "--data-dir", "/proc/none"],
            &["can't use /proc/none: No such file"],
        ),
        (
            &["serve", "--data-dir", &nowhere, "--backup-recipients", "age1wrong"],
            &["--backup-recipients", "age1"],
        ),
        (
            &["serve", "--data-dir", &nowhere, "--listen", "127.0.0.1:0", "--backup-dir", "/proc/b"],
            &["--backup-dir", "/proc/b"],
        ),
    ] {
        let ended = terminal.run(args).await?;
        assert!(matches!(ended.status(), Some(1 | 2)), "{args:?}: {ended:?}");
        for word in words {
            assert!(ended.stderr.contains(word), "{word}: {args:?}: {ended:?}");
        }
        for wrong in ["entity already exists", "not available right now: error returned"] {
            assert!(!ended.stderr.contains(wrong), "{args:?}: {ended:?}");
        }
        let codes = ended.stderr.matches("(code:").count() + ended.stderr.matches("(os error").count();
        assert!(codes <= 1, "a code is printed twice: {ended:?}");
    }
    assert_eq!(fs::read_to_string(&taken).map_err(Error::Files)?, "precious");
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
    let findings = before.owner.get("/findings").send().await?.json_with_status(200)?;
    let codes: Vec<&str> = list(&findings["findings"]).iter().map(|one| text(&one["code"])).collect();
    assert!(!codes.contains(&"BACKUP_OLD"), "{findings}");

    let (data_dir, database) = empty_machine(&before.server, terminal.home()).await?;
    let to = registry(&data_dir, database.as_deref());
    let backup = shown(&backups.join(&made[0]));
    let restore = with_registry(&["restore", &backup, "--identity", &identity], &to);
    terminal.run(&restore).await?.with_status(0)?;
    let server = Server::start(at(&data_dir, database.as_deref())?).await?;
    // It may have been made before the bucket was registered.
    let owner = before.owner.again_at(&server);
    assert!(owner.buckets().await?.len() <= 1);
    Ok(())
}
