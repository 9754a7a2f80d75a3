//! The command line in daily work: at a terminal and in scripts, with several deployments, names and times as people
//! write them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, Error, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Result, Server, binary, each,
    eventually, list, options, shared_s3_endpoint, text,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

async fn deployment() -> Result<(Server, CommandLine)> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    Ok((server, terminal))
}

/// Registers a bucket without validating it.
async fn register(terminal: &CommandLine, name: &str, bucket: &str) -> Result<()> {
    let secret = terminal.file("secret", "hunter2hunter2\n")?;
    let place = ["--bucket", bucket, "--endpoint", "http://127.0.0.1:1", "--key", "AKIAIOSFODNN7EXAMPLE"];
    let rest = ["--secret-file", &secret, "--skip-validation"];
    terminal.text(&[&["bucket", "add", name], &place[..], &rest].concat()).await.map(drop)
}

#[tokio::test]
async fn a_person_is_asked_before_something_is_deleted_and_a_script_is_not() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    for name in ["Photos", "Films", "Music"] {
        register(&terminal, name, "photos").await?;
    }
    let question = "[y/N] ";
    for answer in ["n\n", "\n", "\u{4}"] {
        let shown = terminal.at_terminal(100, &["bucket", "rm", "Photos"], &[(question, answer)]).await?;
        assert_eq!((shown.status, shown.unasked), (1, 0), "{shown:?}");
        for word in ["can't be undone", "secret is destroyed", "is not touched", "nothing was changed"] {
            assert!(shown.text.contains(word), "{word}: {}", shown.text);
        }
    }
    let shown = terminal.at_terminal(100, &["bucket", "rm", "Photos"], &[(question, "y\n")]).await?;
    assert_eq!((shown.status, shown.unasked), (0, 0), "{shown:?}");
    let shown = terminal.at_terminal(100, &["bucket", "rm", "Films", "--yes"], &[(question, "n\n")]).await?;
    assert_eq!((shown.status, shown.unasked), (0, 1), "{shown:?}");
    terminal.text(&["bucket", "rm", "Music"]).await?;
    assert_eq!(terminal.json(&["bucket", "list"]).await?, json!([]));

    // Everything else that deletes or revokes asks as well.
    register(&terminal, "Photos", "photos").await?;
    terminal.text(&["workspace", "add", "Team"]).await?;
    terminal.text(&["user", "add", "ann@example.com"]).await?;
    terminal.text(&["workspace", "grant", "Team", "ann@example.com", "read"]).await?;
    terminal.text(&["token", "add", "script"]).await?;
    terminal.text(&["repo", "add", "Media", "--bucket", "Photos"]).await?;
    terminal.text(&["key", "add", "laptop", "--repo", "Media"]).await?;
    for command in [
        &["key", "rm", "laptop", "--repo", "Media"][..],
        &["repo", "rm", "Media"],
        &["workspace", "revoke", "Team", "ann@example.com"],
        &["user", "rm", "ann@example.com"],
        &["token", "rm", "script"],
        &["workspace", "rm", "Team"],
    ] {
        let shown = terminal.at_terminal(100, command, &[(question, "n\n")]).await?;
        assert_eq!((shown.status, shown.unasked), (1, 0), "{command:?}: {shown:?}");
        let shown = terminal.at_terminal(100, command, &[(question, "y\n")]).await?;
        assert_eq!((shown.status, shown.unasked), (0, 0), "{command:?}: {shown:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_is_typed_without_being_shown() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let endpoint = shared_s3_endpoint()?;
    let add =
        ["bucket", "add", "Photos", "--bucket", OPEN_BUCKET, "--key", ADMIN.key, "--endpoint", &endpoint];
    let typed = format!("{}\n", ADMIN.secret);
    let shown = terminal.at_terminal(120, &add, &[("Secret", &typed)]).await?;
    assert_eq!((shown.status, shown.unasked), (0, 0), "{shown:?}");
    assert!(!shown.text.contains(ADMIN.secret), "{shown:?}");
    assert!(shown.text.contains("registered Photos: ") && shown.text.contains("✓ delete"), "{shown:?}");
    // A change that needs no secret asks for none.
    let update = ["bucket", "update", "Photos", "--name", "Pictures"];
    let shown = terminal.at_terminal(120, &update, &[("Secret", "wrong\n")]).await?;
    assert_eq!((shown.status, shown.unasked), (0, 1), "{shown:?}");
    assert!(shown.text.contains("now named Pictures"), "{shown:?}");
    Ok(())
}

#[tokio::test]
async fn a_table_fits_every_terminal() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let long = "long name ".repeat(12);
    register(&terminal, long.trim(), "photos-eu").await?;
    register(&terminal, "Übersee", "photos").await?;
    for columns in [20_u16, 40, 80, 200] {
        for command in [&["bucket", "list"][..], &["bucket", "stats"], &["audit"], &["workspace", "list"]] {
            let shown = terminal.at_terminal(columns, command, &[]).await?;
            assert_eq!(shown.status, 0, "{shown:?}");
            for line in shown.text.lines() {
                let plain = without_colours(line);
                let width = plain.chars().count();
                assert!(width <= usize::from(columns) && !plain.ends_with(' '), "{columns}: {plain:?}");
            }
        }
    }
    let coloured = terminal.at_terminal(80, &["bucket", "list"], &[]).await?;
    assert!(coloured.text.contains("\u{1b}["), "{coloured:?}");
    let plain = terminal.env("NO_COLOR", "1").at_terminal(80, &["bucket", "list"], &[]).await?;
    assert!(!plain.text.contains('\u{1b}'), "{plain:?}");
    Ok(())
}

fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[tokio::test]
async fn several_deployments_are_used_by_their_contexts() -> Result<()> {
    let (one, two) = (Server::start(options()?).await?, Server::start(options()?).await?);
    let terminal = CommandLine::new()?;
    for (name, server) in [("eu", &one), ("us", &two)] {
        terminal.text(&["context", "add", name, "--url", server.api()]).await?;
        let login = ["login", "--context", name, "--email", OWNER_EMAIL, "--password-stdin"];
        terminal.run_with_input(&login, OWNER_PASSWORD).await?.with_status(0)?;
    }
    let nobody = terminal.run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(nobody.stderr.contains("you are not logged in"), "{nobody:?}");
    terminal.text(&["context", "use", "eu"]).await?;
    register(&terminal, "Photos", "photos").await?;
    assert_eq!(each(&terminal.json(&["bucket", "list"]).await?, "name"), ["Photos"]);
    assert_eq!(terminal.json(&["bucket", "list", "--context", "us"]).await?, json!([]));
    let contexts = terminal.json(&["context", "list"]).await?;
    assert_eq!(each(&contexts, "name"), ["default", "eu", "us"]);
    assert_eq!((&contexts[1]["current"], &contexts[1]["user"]), (&json!(true), &json!(OWNER_EMAIL)));
    let elsewhere = ["login", "--url", two.api(), "--email", OWNER_EMAIL, "--password-stdin"];
    let refused = terminal.run_with_input(&elsewhere, OWNER_PASSWORD).await?.with_status(2)?;
    assert!(refused.stderr.contains("the context eu is for"), "{refused:?}");

    let folder = terminal.home().join("config/bucketry");
    for file in ["contexts.json", "sessions/eu.json", "sessions/us.json"] {
        let mode = std::fs::metadata(folder.join(file)).map_err(Error::Files)?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    terminal.text(&["context", "rename", "eu", "europe"]).await?;
    assert_eq!(each(&terminal.json(&["bucket", "list"]).await?, "name"), ["Photos"]);
    terminal.text(&["context", "rm", "us"]).await?;
    assert!(!folder.join("sessions/us.json").exists());
    let by_variable = terminal.env("BUCKETRY_CONTEXT", "us");
    let gone = by_variable.run(&["bucket", "list"]).await?.with_status(2)?;
    assert!(gone.stderr.contains("you have default, europe"), "{gone:?}");
    Ok(())
}

#[tokio::test]
async fn a_workspace_is_asked_for_only_where_nothing_decides_it() -> Result<()> {
    let (server, terminal) = deployment().await?;
    register(&terminal, "Photos", "photos").await?;
    terminal.text(&["workspace", "stats"]).await?;
    terminal.text(&["workspace", "add", "Team"]).await?;
    let wanted = terminal.run(&["workspace", "stats"]).await?.with_status(2)?;
    assert!(
        wanted.stderr.contains("(Team, default)") && wanted.stderr.contains("workspace use"),
        "{wanted:?}"
    );
    // The bucket decides the workspace.
    terminal.text(&["repo", "add", "Media", "--attach", "Photos"]).await?;
    let shown = terminal.text(&["repo", "show", "Media"]).await?;
    assert!(shown.contains("default") && !has_uuid(&shown), "{shown}");

    terminal.text(&["workspace", "use", "team"]).await?;
    register(&terminal, "Films", "films").await?;
    let films = terminal.json(&["bucket", "list", "--workspace", "Team"]).await?;
    assert_eq!(each(&films, "name"), ["Films"]);
    assert_eq!(list(&terminal.json(&["bucket", "list"]).await?).len(), 2, "lists are not restricted");
    assert!(terminal.text(&["workspace", "stats"]).await?.contains("Traffic of the workspace Team"));
    let by_variable =
        CommandLine::with_token(&server, &server.log_in().await?)?.env("BUCKETRY_WORKSPACE", "default");
    register(&by_variable, "Music", "music").await?;
    let music = by_variable.json(&["bucket", "list", "--workspace", "default", "--search", "music"]).await?;
    assert_eq!(each(&music, "name"), ["Music"]);
    let wrong = by_variable.env("BUCKETRY_WORKSPACE", "Nobody");
    let refused = wrong.run(&["workspace", "stats"]).await?.with_status(1)?;
    assert!(refused.stderr.contains("BUCKETRY_WORKSPACE") && refused.stderr.contains("Team"), "{refused:?}");
    terminal.text(&["workspace", "use", "--unset"]).await?;
    terminal.run(&["workspace", "stats"]).await?.with_status(2)?;
    Ok(())
}

fn has_uuid(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_hexdigit() && c != '-')
        .any(|word| word.len() == 36 && word.matches('-').count() == 4)
}

#[tokio::test]
async fn people_see_names_and_no_ids() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    register(&terminal, "Photos", "photos").await?;
    register(&terminal, "Copy", "photos").await?;
    terminal.text(&["repo", "add", "Media", "--bucket", "Photos"]).await?;
    for command in [
        &["bucket", "show", "Photos"][..],
        &["bucket", "list"],
        &["bucket", "stats"],
        &["bucket", "stats", "Photos"],
        &["bucket", "usage"],
        &["repo", "show", "Media"],
        &["repo", "stats"],
        &["repo", "update", "Media", "--name", "Archive"],
        &["workspace", "show", "default"],
        &["workspace", "add", "Team"],
        &["user", "add", "ann@example.com"],
    ] {
        let ended = terminal.run(command).await?.with_status(0)?;
        assert!(!has_uuid(&ended.stdout) && !has_uuid(&ended.stderr), "{command:?}: {ended:?}");
    }
    for command in [
        &["repo", "add", "Other", "--bucket", "Photos"][..],
        &["bucket", "rm", "Photos"],
        &["repo", "show", "Nothing"],
    ] {
        let ended = terminal.run(command).await?.with_status(1)?;
        assert!(!has_uuid(&ended.stderr), "{command:?}: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_closed_pipe_ends_every_command_quietly() -> Result<()> {
    let (server, terminal) = deployment().await?;
    register(&terminal, "Photos", "photos").await?;
    let token = server.log_in().await?;
    for command in [
        &["bucket", "list"][..],
        &["bucket", "list", "--json"],
        &["bucket", "show", "Photos"],
        &["bucket", "stats"],
        &["bucket", "usage", "-o", "csv"],
        &["audit", "--export", "csv"],
        &["organization", "show"],
        &["workspace", "add", "Team"],
        &["openapi"],
        &["completions", "zsh"],
        &["doctor"],
    ] {
        let (reader, writer) = std::io::pipe().map_err(Error::Files)?;
        drop(reader);
        let mut process = Command::new(binary()?);
        process
            .args(command)
            .env("HOME", terminal.home())
            .env("BUCKETRY_URL", server.api())
            .env("BUCKETRY_TOKEN", &token)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped());
        let ended = tokio::task::spawn_blocking(move || process.spawn()?.wait_with_output());
        let output = ended.await?.map_err(Error::Files)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(141), "{command:?}: {said}");
        assert_eq!(said, "", "{command:?}");
    }
    Ok(())
}

#[tokio::test]
async fn times_are_written_as_people_write_them() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    register(&terminal, "Photos", "photos").await?;
    for flags in [
        &["--since", "yesterday"][..],
        &["--from", "2 hours ago"],
        &["--since", "30d", "--until", "2999-01-01"],
    ] {
        assert!(list(&terminal.json(&[&["audit"], flags].concat()).await?).len() >= 2, "{flags:?}");
    }
    let later = terminal.json(&["audit", "--until", "1h"]).await?;
    assert!(list(&later).is_empty(), "{later}");
    for command in [&["events"][..], &["bucket", "events", "Photos"]] {
        terminal.text(&[command, &["--since", "yesterday", "--until", "now"]].concat()).await?;
        let earlier =
            terminal.json(&[command, &["--from", "2026-01-01", "--to", "2026-01-31"]].concat()).await?;
        assert!(list(&earlier).is_empty(), "{earlier}");
    }
    for day in ["today", "yesterday", "3d", "2026-01-31"] {
        let stats = terminal.json(&["bucket", "stats", "--day", day]).await?;
        assert!(stats["day"].is_string(), "{stats}");
    }
    terminal.text(&["token", "add", "script", "--expires-at", "90d"]).await?;
    let token = terminal.json(&["token", "list"]).await?[0].clone();
    assert!(text(&token["expiresAt"]) > text(&token["createdAt"]), "{token}");
    for (flags, status, said) in [
        (
            &["bucket", "usage", "--from", "2026-02-01", "--to", "2026-01-01"][..],
            2,
            "--from must not be after",
        ),
        (&["bucket", "usage", "--by", "minute", "--from", "90d"], 2, "--from must be at most 31 days"),
        (&["token", "add", "old", "--expires-at", "2020-01-31"], 2, "--expires-at must be"),
        (&["key", "update", "x", "--repo", "y"], 2, "nothing to change"),
    ] {
        let refused = terminal.run(flags).await?.with_status(status)?;
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }
    Ok(())
}

/// A price sheet that the operator wrote.
const PRICES: &str = "currency = \"EUR\"\n[provider.other]\ngib_month = 0.02\negress_gib = 1024\nwrites_per_1000 = 5\nreads_per_1000 = 1\n";

#[tokio::test]
async fn traffic_is_shown_by_period_with_its_estimated_cost() -> Result<()> {
    let directory = CommandLine::new()?;
    let sheet = directory.file("prices.toml", PRICES)?;
    let server = Server::start(options()?.env("BUCKETRY_PRICE_SHEET", &sheet)).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let owner = server.owner().await?;
    let body =
        bucketry_e2e::s3_bucket("Metered", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let bucket = owner.register(&body).await?;
    let folder = format!("usage-{}", std::process::id());
    let fields = json!({ "name": "Usage", "repoBuckets": [{ "bucketId": bucket, "folder": folder, "master": false }] });
    let access = owner.open_repository(&server, &fields, OPEN_BUCKET).await?;
    access.run_script("metered_operations.py", &[]).await?;
    let look = async || terminal.json(&["bucket", "usage", "Metered"]).await;
    let counted = |rows: &Value| rows[0]["downloadBytes"].as_i64().unwrap_or_default() > 0;
    eventually("the traffic being counted", SOON, look, counted).await?;
    for by in ["day", "hour", "minute"] {
        let rows = terminal.json(&["bucket", "usage", "--by", by]).await?;
        let rows = list(&rows);
        assert!(!rows.is_empty() && rows.iter().all(|row| row["bucket"] == "Metered"), "{by}: {rows:?}");
        for row in rows {
            let cost = &row["estimatedCost"];
            let expected = |key: &str, price: f64| row[key].as_f64().unwrap_or_default() * price;
            let requests = expected("reads", 0.001) + expected("writes", 0.005);
            let egress = expected("downloadBytes", 1024.0 / 1_073_741_824.0);
            let near = |value: &Value, sum: f64| (value.as_f64().unwrap_or(-1.0) - sum).abs() < 1e-6;
            assert!(near(&cost["requests"], requests) && near(&cost["egress"], egress), "{row}");
            assert!(near(&cost["total"], requests + egress) && cost["currency"] == "EUR", "{row}");
        }
    }
    let table = terminal.text(&["bucket", "usage", "Metered"]).await?;
    for word in ["Traffic by day in UTC", "estimates", "EST. COST", " EUR", "Metered", "total: requests "] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let csv = terminal.text(&["bucket", "usage", "-o", "csv"]).await?;
    assert!(csv.starts_with("time,bucket,requests,") && csv.contains("estimated_cost,currency"), "{csv}");
    let day = terminal.text(&["bucket", "stats", "--day", "today"]).await?;
    assert!(day.contains("Traffic on ") && day.contains("Metered"), "{day}");
    let before = terminal.json(&["bucket", "stats", "Metered", "--day", "yesterday"]).await?;
    assert_eq!(before["totals"][0]["totalCount"], "0", "{before}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_estimated_without_prices() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    register(&terminal, "Photos", "photos").await?;
    let table = terminal.text(&["bucket", "usage", "-o", "wide"]).await?;
    assert!(!table.contains("EST.") && !table.contains("CURRENCY") && !table.contains("estimate"), "{table}");
    let shown = terminal.json(&["bucket", "show", "Photos"]).await?;
    assert!(shown.get("estimatedStorageCost").is_none(), "{shown}");
    let sheet = terminal.file("prices.toml", "currency = \"EUR\"\n[provider.aws]\ngib_month = -1\n")?;
    let data = terminal.home().join("data").to_string_lossy().into_owned();
    let refused =
        terminal.run(&["serve", "--price-sheet", &sheet, "--data-dir", &data]).await?.with_status(2)?;
    assert!(refused.stderr.contains("line 3") && refused.stderr.contains("gib_month"), "{refused:?}");
    assert!(!Path::new(&data).exists(), "a mistake is reported before anything is created");
    Ok(())
}

/// Completes a line in bash with the script that `completions bash` prints.
const COMPLETE: &str = r#"
source <(bucketry completions bash)
COMP_LINE="bucketry $*"; COMP_WORDS=(bucketry "$@"); COMP_CWORD=$#; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
_clap_complete_bucketry bucketry "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// The same for shells that not every machine has. Their functions that show completions print them instead.
const OTHER_SHELLS: [(&str, &[&str], &str); 2] = [
    (
        "zsh",
        &["-f", "-c"],
        r#"
function compdef() {}
function _describe() { print -rl -- "${(@P)3}" }
source <(bucketry completions zsh)
words=(bucketry "$@"); CURRENT=$#words
_clap_dynamic_completer_bucketry
"#,
    ),
    (
        "fish",
        &["--no-config", "-c"],
        r#"bucketry completions fish | source; complete -C "bucketry $argv[2..]""#,
    ),
];

#[tokio::test]
async fn zsh_and_fish_complete_names_where_they_are_installed() -> Result<()> {
    let (server, terminal) = deployment().await?;
    register(&terminal, "Films", "films").await?;
    let token = server.log_in().await?;
    let program = binary()?;
    let directory = program.parent().map(Path::to_path_buf).unwrap_or_default();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default());
    for (shell, options, script) in OTHER_SHELLS {
        for (words, expected) in [(["bucket", "show", "fi"], "Films"), (["bucket", "usage", "--b"], "--by")] {
            let mut command = Command::new(shell);
            command.args(options).args([script, shell]).args(words).env("PATH", &path);
            command
                .env("HOME", terminal.home())
                .env("BUCKETRY_URL", server.api())
                .env("BUCKETRY_TOKEN", &token);
            // The run counts a shell that isn't installed as skipped.
            let Ok(output) = command.output() else { break };
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            let first = shown.lines().next().unwrap_or_default();
            assert!(first.starts_with(expected), "{shell} {words:?}: {output:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_shell_completes_names() -> Result<()> {
    let (server, terminal) = deployment().await?;
    register(&terminal, "Holiday photos", "photos").await?;
    register(&terminal, "Films", "films").await?;
    terminal.text(&["repo", "add", "Media", "--bucket", "Films"]).await?;
    let token = server.log_in().await?;
    let program = binary()?;
    let directory = program.parent().map(Path::to_path_buf).unwrap_or_default();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default());
    let complete = |url: &str, words: &[&str]| {
        let output = Command::new("bash")
            .args(["--norc", "-c", COMPLETE, "bash"])
            .args(words)
            .env("PATH", &path)
            .env("HOME", terminal.home())
            .env("BUCKETRY_URL", url)
            .env("BUCKETRY_TOKEN", &token)
            .output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).map_err(Error::Files)
    };
    let api = server.api();
    for (words, expected) in [
        (&["bucket", "show", "hol"][..], "Holiday\\ photos"),
        (&["bucket", "rm", "Fi"], "Films"),
        (&["repo", "show", "Me"], "Media"),
        (&["key", "list", "--repo", "me"], "Media"),
        (&["workspace", "show", "def"], "default"),
        (&["bucket", "list", "--workspace", "d"], "default"),
        (&["repo", "add", "New", "--bucket", "Fi"], "Films"),
        (&["context", "use", "d"], "default"),
        (&["bucket", "val"], "validate"),
    ] {
        assert_eq!(complete(api, words)?, expected, "{words:?}");
    }
    assert_eq!(complete("http://127.0.0.1:1", &["bucket", "show", "hol"])?, "", "a server that is away");
    Ok(())
}
