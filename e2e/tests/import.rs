//! Imports of files that other programs wrote, and of files that nobody should write.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, Ended, Error, OPEN_BUCKET, Person, Result, SCOPED_BUCKET, SeaweedFs, Server, each,
    eventually, options, s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(50);

/// A server, its owner, and a terminal of the owner.
async fn deployment() -> Result<(Server, Person, CommandLine)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    Ok((server, owner, terminal))
}

/// Runs the real rclone on a configuration in the terminal's home directory.
fn rclone(terminal: &CommandLine, arguments: &[&str]) -> Result<String> {
    let programs = std::env::var("BUCKETRY_TEST_PROGRAMS")
        .map_err(|_| Error::NoEnvironment("BUCKETRY_TEST_PROGRAMS"))?;
    let mut rclone = Command::new(PathBuf::from(programs).join("rclone"));
    rclone.arg("--config").arg(terminal.home().join("rclone.conf")).args(arguments);
    let ended = rclone.output().map_err(Error::Files)?;
    assert!(ended.status.success(), "rclone {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// The names of the registered buckets.
async fn names(owner: &Person) -> Result<BTreeSet<String>> {
    Ok(owner.buckets().await?.iter().map(|bucket| text(&bucket["name"]).to_owned()).collect())
}

#[tokio::test]
async fn a_configuration_that_rclone_wrote_is_imported_and_validated() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    let endpoint = shared_s3_endpoint()?;
    let keys = ["access_key_id", ADMIN.key, "secret_access_key", ADMIN.secret, "endpoint", &endpoint];
    let create = ["config", "create", "lab", "s3", "provider", "SeaweedFS", "region", "us-east-1"];
    rclone(&terminal, &[&create[..], &keys[..]].concat())?;
    let open = format!("lab:{OPEN_BUCKET}/2026");
    rclone(&terminal, &["config", "create", "open", "alias", "remote", &open])?;
    let upstreams = format!("scoped=lab:{SCOPED_BUCKET} gone=lab:gone");
    rclone(&terminal, &["config", "create", "all", "combine", "upstreams", &upstreams])?;
    let crypt = ["config", "create", "sealed", "crypt", "remote", "lab:x", "password", "hunter2hunter2"];
    rclone(&terminal, &crypt)?;
    rclone(&terminal, &["config", "create", "host", "sftp", "host", "h", "pass", "hunter2hunter2"])?;

    let dry = terminal.text(&["import", "rclone.conf", "--dry-run"]).await?;
    assert!(dry.contains("would register open (the folder 2026 is not stored"), "{dry}");
    assert!(
        dry.ends_with("3 to register, 0 already registered, 0 failed, 3 left out; nothing was changed\n"),
        "{dry}"
    );
    assert!(names(&owner).await?.is_empty());

    let ended = terminal.run(&["import", "rclone.conf"]).await?.with_status(1)?;
    assert!(ended.stdout.contains("2 registered, 0 already registered, 1 failed, 3 left out"), "{ended:?}");
    let failed = |line: &str| line.starts_with("line ") && !line.contains("left out");
    let failed: Vec<&str> = ended.stderr.lines().filter(|line| failed(line)).collect();
    assert!(failed.len() == 1 && failed[0].contains(": gone: "), "{ended:?}");
    assert!(
        ended.stderr.contains("[sealed] changes what is stored") && ended.stderr.contains("[host]"),
        "{ended:?}"
    );
    let conf = std::fs::read_to_string(terminal.home().join("rclone.conf")).unwrap();
    let obscured = conf.lines().find_map(|line| line.strip_prefix("pass = ")).unwrap();
    let said = format!("{ended:?}");
    for secret in [ADMIN.secret, "hunter2", obscured] {
        assert!(!said.contains(secret), "{ended:?}");
    }
    assert_eq!(names(&owner).await?, ["open", "scoped"].map(str::to_owned).into());
    let status = owner.buckets().await?;
    assert_eq!(each(&json!(status), "status"), ["ONLINE", "ONLINE"]);

    let list = terminal.file("list", &format!("lab:{OPEN_BUCKET}\nlab:{SCOPED_BUCKET}/x\n"))?;
    let again = terminal.text(&["import", "rclone.conf", "--buckets", &list]).await?;
    let says = format!("{OPEN_BUCKET} is already registered as open\n");
    assert!(again.starts_with(&says), "{again}");
    assert!(again.ends_with("0 registered, 2 already registered, 0 failed\n"), "{again}");

    let conf = terminal
        .file("encrypted.conf", "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nx\n")?;
    let refused = terminal.run(&["import", &conf]).await?.with_status(2)?;
    assert!(refused.stderr.contains("rclone config show"), "{refused:?}");
    Ok(())
}

/// A credentials file, and a list of this many buckets.
fn profile_with_buckets(terminal: &CommandLine, count: usize) -> Result<[String; 2]> {
    let endpoint = shared_s3_endpoint()?;
    let profile = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\nendpoint_url = {endpoint}\nregion = us-east-1\n",
        ADMIN.key, ADMIN.secret
    );
    let lines: Vec<String> = (0..count).map(|number| format!("bucket-{number:05}\n")).collect();
    Ok([terminal.file("credentials", &profile)?, terminal.file("list", &lines.concat())?])
}

#[tokio::test]
async fn two_people_import_one_file_at_the_same_time_without_doubles() -> Result<()> {
    const BUCKETS: usize = 60;
    let (_server, owner, terminal) = deployment().await?;
    let [file, list] = profile_with_buckets(&terminal, BUCKETS)?;
    let import = ["import", &file, "--buckets", &list, "--skip-validation", "--json"];
    let (one, other) = tokio::join!(terminal.run(&import), terminal.run(&import));
    let counts = |ended: Ended| -> Result<[u64; 2]> {
        let ended = ended.with_status(0)?;
        let last: Value = serde_json::from_str(ended.stdout.lines().last().unwrap_or_default()).unwrap();
        Ok([&last["registered"], &last["alreadyRegistered"]].map(|count| count.as_u64().unwrap_or_default()))
    };
    let (one, other) = (counts(one?)?, counts(other?)?);
    let all = u64::try_from(BUCKETS).unwrap();
    assert_eq!((one[0] + other[0], one[1] + other[1]), (all, all), "{one:?} {other:?}");
    assert_eq!(owner.buckets().await?.len(), BUCKETS);
    Ok(())
}

#[tokio::test]
async fn an_interrupted_import_continues_and_a_bad_line_spoils_no_other() -> Result<()> {
    const BUCKETS: usize = 121;
    let (_server, owner, terminal) = deployment().await?;
    let [file, list] = profile_with_buckets(&terminal, BUCKETS - 1)?;
    let mut lines = std::fs::read_to_string(&list).unwrap();
    lines.insert_str(lines.find("bucket-00070").unwrap(), "no bucket at all\n");
    // More words than a search may have.
    lines.push_str("my-company-prod-eu-west-1-logs-archive-2024-01\n");
    std::fs::write(&list, lines).unwrap();
    let import = ["import", &file, "--buckets", &list, "--skip-validation"];
    let mut running = terminal.start(&import)?;
    let count = async || Ok(owner.buckets().await?.len());
    eventually("an import having begun", SOON, count, |count| *count > 5).await?;
    running.kill_hard().await?;
    let ended = terminal.run(&import).await?.with_status(1)?;
    assert!(ended.stderr.contains("line 71: has a space"), "{ended:?}");
    assert!(ended.stdout.contains("is already registered\n"), "{ended:?}");
    assert_eq!(owner.buckets().await?.len(), BUCKETS);
    let again = terminal.run(&import).await?.with_status(1)?;
    let says = format!("0 registered, {BUCKETS} already registered, 1 failed\n");
    assert!(again.stdout.ends_with(&says), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn a_name_that_another_bucket_has_gets_the_origin_added() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    let workspace = owner.workspace().await?;
    let other = s3_bucket("BUCKET-00000", "elsewhere", &shared_s3_endpoint()?, &workspace);
    owner.register(&with(&other, &json!({ "skipValidation": true }))).await?;
    let [file, list] = profile_with_buckets(&terminal, 2)?;
    let import = ["import", &file, "--buckets", &list, "--skip-validation"];
    terminal.text(&import).await?;
    let expected = ["BUCKET-00000", "bucket-00000 (default)", "bucket-00001"];
    assert_eq!(names(&owner).await?, expected.map(str::to_owned).into());
    assert!(terminal.text(&import).await?.ends_with("0 registered, 2 already registered, 0 failed\n"));
    let named = format!(
        "version: 1\nbuckets:\n- name: bucket-00001\n  bucket: another\n  endpoint: {}\n  key: {}\n  secretFile: secret\n",
        shared_s3_endpoint()?,
        ADMIN.key
    );
    terminal.file("secret", ADMIN.secret)?;
    let yaml = terminal.file("more.yaml", &named)?;
    let taken = terminal.run(&["import", &yaml, "--skip-validation"]).await?.with_status(1)?;
    assert!(
        taken.stderr.contains(
            "line 3: bucket-00001: another bucket of the organization is already named bucket-00001"
        ),
        "{taken:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_goes_away_stops_the_import_with_what_to_do() -> Result<()> {
    let (mut server, _, terminal) = deployment().await?;
    let [file, list] = profile_with_buckets(&terminal, 3)?;
    server.kill_hard().await?;
    let import = ["import", &file, "--buckets", &list, "--workspace", "default", "--skip-validation"];
    let ended = terminal.run(&import).await?.with_status(1)?;
    assert!(ended.stderr.contains("can't reach") && ended.stderr.lines().count() < 4, "{ended:?}");
    Ok(())
}

/// The page's example values, and those of the test.
fn of_this_test(page: &str, endpoint: &str) -> String {
    page.replace("https://s3.example.com", endpoint)
        .replace("AKIAIOSFODNN7EXAMPLE", ADMIN.key)
        .replace("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ADMIN.secret)
}

/// The fenced blocks of a page: the words after the fence, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
        blocks.push((info.to_owned(), text.join("\n") + "\n"));
    }
    blocks
}

#[tokio::test]
async fn the_examples_of_the_documentation_do_what_the_page_says() -> Result<()> {
    let (_server, _, terminal) = deployment().await?;
    let mut storage = SeaweedFs::start().await?;
    for bucket in ["photos", "films", "music", "backups", "scans"] {
        storage.create_bucket(bucket).await?;
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/import.md");
    let page = of_this_test(&std::fs::read_to_string(page).unwrap(), storage.endpoint());
    std::fs::create_dir(terminal.home().join("secrets")).unwrap();
    let (mut files, mut commands) = (0, 0);
    for (info, block) in blocks(&page) {
        if let Some((_, name)) = info.split_once(' ') {
            terminal.file(name, &block)?;
            files += 1;
            continue;
        }
        assert_eq!(info, "console", "a block is a file or commands");
        for call in block.split("$ bucketry ").skip(1) {
            let (line, expected) = call.split_once('\n').unwrap();
            let arguments: Vec<&str> = line.split(' ').collect();
            let ended = terminal.run(&arguments).await?.with_status(0)?;
            assert_eq!(ended.stdout, expected, "{line}: {ended:?}");
            commands += 1;
        }
    }
    assert!(files >= 10 && commands >= 10, "{files} files, {commands} commands");
    Ok(())
}
