//! Whatever is wrong with a backup, with the place to restore it to, or with the machine meanwhile.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Output, Stdio};

use bucketry_e2e::{
    CommandLine, Error, Result, Server, binary, embedded_options, needs_one_control_plane, options,
};
use serde_json::json;

use crate::machines::{
    Deployment, age_key, at, empty_machine, names, private, registry, shown, with_registry,
};

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
    needs_one_control_plane!("it is about the files of the embedded database");
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

#[tokio::test]
async fn a_full_disk_leaves_nothing_incomplete_and_is_named() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
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
    needs_one_control_plane!("it is about the files of the embedded database");
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
    needs_one_control_plane!("it is about the files of the embedded database");
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
    needs_one_control_plane!("it is about the files of the embedded database");
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
