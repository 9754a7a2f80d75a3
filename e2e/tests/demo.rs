//! The demo's embedded S3 server stores objects in files, which clients of the gateway must not notice.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, RepositoryAccess, Result, Running, azurite, eventually, fake_gcs,
    needs_one_control_plane, text,
};
use http::Method;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);

/// A time within which rclone doesn't repeat a request that failed with a server error.
const QUICK: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_folder_in_the_demo_is_no_object_and_a_copy_into_it_is_quick() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let terminal = CommandLine::new()?;
    let ready_file = terminal.home().join("ready.json");
    let (anywhere, ready_path) = ("127.0.0.1:0", ready_file.to_string_lossy());
    let args = ["demo", "--listen", anywhere, "--gateway-listen", anywhere, "--ready-file", &ready_path];
    let mut demo = terminal.start(&args)?;
    let look = async || Ok(std::fs::read_to_string(&ready_file).unwrap_or_default());
    let ready = eventually("the demo being ready", SOON, look, |text| !text.is_empty()).await?;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let access = RepositoryAccess {
        repository: String::new(),
        endpoint: text(&ready["gateway"]).to_owned(),
        key: text(&ready["repositoryKey"]).to_owned(),
        secret: text(&ready["repositorySecret"]).to_owned(),
        bucket: "photos".to_owned(),
        prefix: String::new(),
    };

    let put =
        async || Ok(access.object(Method::PUT, "photos/a.jpg").raw("image/jpeg", "x").send().await?.status);
    eventually("an object being stored", SOON, put, |status| *status == 200).await?;
    for key in ["photos", "photos/", "2026"] {
        assert_eq!(access.object(Method::HEAD, key).send().await?.status, 404, "HEAD {key}");
        assert_eq!(access.object(Method::DELETE, key).send().await?.status, 204, "DELETE {key}");
        let response = access.object(Method::GET, key).send().await?;
        assert!(
            response.status == 404 && response.text().contains("NoSuchKey"),
            "GET {key}: {}",
            response.text()
        );
    }
    assert_eq!(access.object(Method::HEAD, "photos/a.jpg").send().await?.status, 200);

    let long = "k".repeat(200);
    let refused = access.object(Method::PUT, &long).raw("text/plain", "x").send().await?;
    assert!(refused.text().contains("KeyTooLongError"), "{}", refused.text());
    let tree = terminal.home().join("tree");
    for name in ["b.jpg", "2026/c.jpg", "2026/may/d.jpg", "2026/a+b%20c.jpg"] {
        let path = tree.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    let began = Instant::now();
    rclone_copy(&access, &tree.to_string_lossy(), "it:photos/photos").await?;
    assert!(began.elapsed() < QUICK, "{:?}", began.elapsed());
    let back = terminal.home().join("back");
    rclone_copy(&access, "it:photos/photos/2026", &back.to_string_lossy()).await?;
    assert!(back.join("a+b%20c.jpg").exists(), "names come back as they were");
    let copied = access.object(Method::GET, "photos/2026/may/d.jpg").send().await?;
    assert_eq!((copied.status, copied.text().as_str()), (200, "2026/may/d.jpg"));
    assert_eq!(demo.interrupt().await?.code(), Some(0), "{}", demo.output());
    Ok(())
}

async fn rclone_copy(access: &RepositoryAccess, from: &str, to: &str) -> Result<()> {
    let programs = std::env::var("BUCKETRY_TEST_PROGRAMS").unwrap_or_default();
    let mut rclone = Command::new(PathBuf::from(programs).join("rclone"));
    rclone.args(["--config", "/dev/null", "copy", from, to]);
    for (name, value) in [
        ("TYPE", "s3"),
        ("PROVIDER", "Other"),
        ("REGION", "us-east-1"),
        ("ENDPOINT", &access.endpoint),
        ("ACCESS_KEY_ID", &access.key),
        ("SECRET_ACCESS_KEY", &access.secret),
    ] {
        rclone.env(format!("RCLONE_CONFIG_IT_{name}"), value);
    }
    rclone.stdin(Stdio::null()).kill_on_drop(true);
    let ended = rclone.output().await.map_err(Error::Files)?;
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

#[tokio::test]
async fn a_demo_whose_terminal_is_closed_leaves_nothing_behind() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let terminal = CommandLine::new()?;
    let dir = terminal.home().join("room");
    std::fs::create_dir(&dir).unwrap();
    let terminal = terminal.env("TMPDIR", &dir.to_string_lossy());
    let ready_file = terminal.home().join("ready.json");
    let (anywhere, ready_path) = ("127.0.0.1:0", ready_file.to_string_lossy());
    let args = ["demo", "--listen", anywhere, "--gateway-listen", anywhere, "--ready-file", &ready_path];
    let demo = terminal.start(&args)?;
    let look = async || Ok(std::fs::read_to_string(&ready_file).unwrap_or_default());
    let ready = eventually("the demo being ready", SOON, look, |text| !text.is_empty()).await?;
    let ready: Value = serde_json::from_str(&ready).unwrap();
    let files = || std::fs::read_dir(&dir).unwrap().count();
    assert_eq!(files(), 1);
    let hang_up = Command::new("kill").args(["-HUP", &ready["pid"].to_string()]).status().await;
    assert!(hang_up.map_err(Error::Files)?.success());
    eventually("its directory to go", SOON, async || Ok(files()), |files| *files == 0).await?;
    drop(demo);
    Ok(())
}

/// A demo with three clouds, and what it wrote and printed.
async fn demo_of_three_clouds(terminal: CommandLine) -> Result<(CommandLine, Running, Value)> {
    let terminal = terminal
        .env("BUCKETRY_DEMO_AZURITE", &azurite()?.to_string_lossy())
        .env("BUCKETRY_DEMO_FAKE_GCS", &fake_gcs()?.to_string_lossy());
    let ready_file = terminal.home().join("ready.json");
    let (anywhere, ready_path) = ("127.0.0.1:0", ready_file.to_string_lossy());
    let args = ["demo", "--listen", anywhere, "--gateway-listen", anywhere, "--ready-file", &ready_path];
    let demo = terminal.start(&[&args[..], &["--with", "azurite,gcs"]].concat())?;
    let look = async || Ok(std::fs::read_to_string(&ready_file).unwrap_or_default());
    let ready = eventually("the demo being ready", SOON, look, |text| !text.is_empty()).await?;
    Ok((terminal, demo, serde_json::from_str(&ready).unwrap_or_default()))
}

/// Runs a line in another directory, in a shell with `aws` on its path that has read the demo's settings.
async fn paste(ready: &Value, line: &str) -> Result<(Option<i32>, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = std::env::var("BUCKETRY_TEST_PROGRAMS").unwrap_or_default();
    let script = format!(". {}\n{line}", text(&ready["shell"]));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir("/").env("PATH", format!("{programs}:{path}"));
    shell.env("AWS_PROFILE", "of-somebody-else").stdin(Stdio::null()).kill_on_drop(true);
    let ended = shell.output().await.map_err(Error::Files)?;
    let said = [ended.stdout, ended.stderr].concat();
    Ok((ended.status.code(), String::from_utf8_lossy(&said).into_owned()))
}

#[tokio::test]
async fn every_command_that_the_demo_prints_works_in_any_directory() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let (_terminal, mut demo, ready) = demo_of_three_clouds(CommandLine::new()?).await?;
    let output = demo.output();
    let widest = output.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns:\n{output}");
    assert!(output.contains(&format!("{}/ui\n", text(&ready["api"]))), "{output}");

    let is_command = |line: &&str| ["bucketry ", "aws "].iter().any(|program| line.starts_with(program));
    let commands: Vec<&str> = output.lines().map(str::trim_start).filter(is_command).collect();
    assert_eq!(commands.len(), 7, "{commands:?}");
    assert!(output.contains(&format!("  . {}\n", text(&ready["shell"]))), "{output}");
    for command in commands {
        let (status, said) = paste(&ready, command).await?;
        println!("$ {command}\n{said}");
        let is_broken = command.ends_with("validate Archive");
        assert_eq!(status, Some(i32::from(is_broken)), "{command}\n{said}");
        assert_eq!(said.contains("SECRET_WRONG"), is_broken || command.ends_with("bucket list"), "{said}");
        if command.ends_with("--recursive") {
            assert!(said.contains("photos/2026/forest.txt") && said.contains("monday/notes.txt"), "{said}");
        }
    }
    let (_, kept) = paste(&ready, "aws s3 cp s3://documents/lake.txt -").await?;
    assert_eq!(kept, "A lake in the morning.\n", "the copy is at Azure");
    assert_eq!(demo.interrupt().await?.code(), Some(0), "{}", demo.output());
    Ok(())
}

#[tokio::test]
async fn the_demo_has_three_providers_a_past_and_something_to_look_after() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let (terminal, mut demo, ready) = demo_of_three_clouds(CommandLine::new()?).await?;
    let terminal =
        terminal.env("BUCKETRY_URL", text(&ready["api"])).env("BUCKETRY_TOKEN", text(&ready["token"]));
    let mut types = Vec::new();
    for (name, status) in
        [("Photos", "ONLINE"), ("Documents", "ONLINE"), ("Backups", "ONLINE"), ("Archive", "OFFLINE")]
    {
        let bucket = terminal.json(&["bucket", "show", name]).await?;
        assert_eq!(bucket["status"], status, "{bucket}");
        assert_eq!(bucket["diagnosis"]["checks"][0]["name"], "dns", "{bucket}");
        types.push(text(&bucket["storageType"]).to_owned());
    }
    assert_eq!(types, ["S3", "BLOB", "GCS", "S3"]);
    let outages = terminal.text(&["bucket", "outages", "Documents"]).await?;
    assert!(outages.contains("PROVIDER_ERROR"), "{outages}");
    let archive = terminal.json(&["bucket", "show", "Archive"]).await?;
    assert!(
        text(&archive["offlineSince"]) < text(&archive["createdAt"]),
        "it went down in the past: {archive}"
    );
    let traffic = terminal.text(&["repo", "stats", "Demo"]).await?;
    assert!(traffic.contains("GiB"), "traffic of a month: {traffic}");
    let findings = terminal.run(&["doctor"]).await?;
    assert!(
        findings.stdout.contains("Partner uploads") && findings.stdout.contains("Archive"),
        "{}",
        findings.stdout
    );
    assert_eq!(demo.interrupt().await?.code(), Some(0), "{}", demo.output());
    Ok(())
}

#[tokio::test]
async fn all_programs_that_the_demo_lacks_are_named_at_once() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let terminal = CommandLine::new()?;
    let empty = terminal.home().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let terminal = terminal.env("PATH", &empty.to_string_lossy());
    let refused = terminal.run(&["demo", "--with", "azurite,gcs"]).await?.with_status(1)?;
    for part in ["azurite-blob: install Node.js", "fake-gcs-server: download", "BUCKETRY_DEMO_FAKE_GCS"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    Ok(())
}
