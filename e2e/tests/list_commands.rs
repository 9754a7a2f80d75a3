//! Lists on the command line: filters, search, order, formats, and watching.

use std::time::Duration;

use bucketry_e2e::{CommandLine, Result, Server, each, eventually, list, options};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);

/// A name of 119 characters.
fn long_name() -> String {
    "long name ".repeat(12).trim().to_owned()
}

/// A server with three buckets that nothing has probed successfully, and a terminal of their owner.
async fn deployment() -> Result<(Server, CommandLine)> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let secret = terminal.file("secret", "hunter2hunter2\n")?;
    for (name, place) in [
        ("Übersee photos", ["--bucket", "photos-eu", "--endpoint", "http://127.0.0.1:1"]),
        ("=cmd()", ["--bucket", "formulas", "--endpoint", "http://127.0.0.1:1"]),
        (long_name().as_str(), ["--bucket", "archive", "--region", "eu-central-1"]),
    ] {
        let key = ["--key", "AKIAIOSFODNN7EXAMPLE", "--secret-file", &secret, "--skip-validation"];
        terminal.text(&[&["bucket", "add", name], &place[..], &key[..]].concat()).await?;
    }
    Ok((server, terminal))
}

#[tokio::test]
async fn buckets_are_filtered_searched_and_sorted() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let long = long_name();
    let long = long.as_str();
    for (flags, expected) in [
        (&["--sort", "name"][..], vec!["=cmd()", long, "Übersee photos"]),
        (&["--sort", "newest"], vec![long, "=cmd()", "Übersee photos"]),
        (&["--search", "UBER phot"], vec!["Übersee photos"]),
        (&["--search", "phot", "--status", "online"], vec![]),
        (&["--provider", "aws"], vec![long]),
        (&["--provider", "other,r2", "--sort", "name"], vec!["=cmd()", "Übersee photos"]),
        (&["--type", "s3", "--search", "archive", "--workspace", "default"], vec![long]),
        (&["--type", "gcs"], vec![]),
    ] {
        let listed = terminal.json(&[&["bucket", "list"], flags].concat()).await?;
        assert_eq!(each(&listed, "name"), expected, "{flags:?}");
    }
    let look = async || terminal.json(&["bucket", "list", "--status", "offline"]).await;
    let listed =
        eventually("the unreachable buckets being OFFLINE", SOON, look, |listed| list(listed).len() >= 2);
    assert!(each(&listed.await?, "name").contains(&"=cmd()"));
    let repositories = terminal.json(&["repo", "list", "--search", "x", "--sort", "name"]).await?;
    assert_eq!(repositories, json!([]));
    Ok(())
}

#[tokio::test]
async fn wrong_filters_name_the_flag() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let long = "a".repeat(10_000);
    for (flags, status, message) in [
        (["--search", long.as_str()], 2, "--search must be at most 255 characters long"),
        (["--search", "--"], 2, "a value is required"),
        (["--search", "..."], 2, "--search must contain a letter or a digit"),
        (["--status", "up"], 2, "must be one of ONLINE, OFFLINE, DISCONNECTED"),
        (["--provider", "nobody"], 2, "must be the name of a provider"),
        (["--sort", "size"], 2, "newest, name"),
        (["--watch=0", "-o=wide"], 2, "--watch"),
        (["--json", "-o=csv"], 2, "cannot be used with"),
    ] {
        let refused = terminal.run(&[&["bucket", "list"], &flags[..]].concat()).await?.with_status(status)?;
        assert!(refused.stderr.contains(message), "{message}: {}", refused.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_list_has_a_format_for_people_and_for_programs() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let table = terminal.text(&["bucket", "list"]).await?;
    let ids: Vec<String> = list(&terminal.json(&["bucket", "list"]).await?)
        .iter()
        .map(|bucket| bucket["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(table.lines().all(|line| !line.ends_with(' ')) && !table.contains('\u{1b}'), "{table}");
    assert!(ids.iter().all(|id| !table.contains(id)), "{table}");
    assert!(table.contains("long name long name long name long name"), "a pipe gets whole names: {table}");
    for word in ["TYPE", "ENDPOINT", "WORKSPACE", "SINCE", "default", "http://127.0.0.1:1"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let wide = terminal.text(&["bucket", "list", "-o", "wide"]).await?;
    assert!(ids.iter().all(|id| wide.contains(id)), "{wide}");
    let csv = terminal.text(&["bucket", "list", "-o", "csv"]).await?;
    assert!(csv.starts_with("name,status,reason,since,bucket,type,provider,"), "{csv}");
    assert!(csv.contains("\"'=cmd()\"") && csv.contains(&ids[0]), "{csv}");
    let json = terminal.text(&["bucket", "list", "-o", "json"]).await?;
    assert_eq!(list(&serde_json::from_str(&json).unwrap_or_default()).len(), 3);
    for command in [
        &["repo", "list"][..],
        &["workspace", "list"],
        &["user", "list"],
        &["token", "list"],
        &["nodes", "list"],
        &["events"],
        &["audit"],
        &["bucket", "outages", "=cmd()"],
        &["bucket", "stats"],
    ] {
        let csv = terminal.text(&[command, &["-o", "csv"]].concat()).await?;
        let header = csv.lines().next().unwrap_or_default();
        assert!(
            header.contains(',') && header.bytes().all(|b| b == b',' || b == b'_' || b.is_ascii_lowercase())
        );
        let table = terminal.text(command).await?;
        assert!(table.lines().all(|line| !line.ends_with(' ')), "{command:?}: {table}");
    }
    Ok(())
}

#[tokio::test]
async fn a_watched_list_is_shown_again_until_ctrl_c() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let mut watching = terminal.start(&["bucket", "list", "--watch=1"])?;
    let look = async || Ok(watching.output());
    eventually("the list being shown twice", SOON, look, |shown: &String| shown.matches("NAME").count() >= 2)
        .await?;
    let ended = watching.interrupt().await?;
    assert_eq!(ended.code(), Some(0));
    assert!(!watching.output().contains("error"), "{}", watching.output());
    Ok(())
}
