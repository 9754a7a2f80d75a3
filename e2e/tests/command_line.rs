//! The command line as people and scripts use it: tables and JSON, sessions, exit statuses 0, 1 and 2.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, Call, CommandLine, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Result, SCOPED_BUCKET, Server, each,
    embedded_options, eventually, list, needs_one_control_plane, options, shared_s3_endpoint, text,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A server, and a terminal whose environment contains the owner's token.
async fn deployment() -> Result<(Server, CommandLine)> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    Ok((server, terminal))
}

fn session_file(terminal: &CommandLine) -> PathBuf {
    terminal.home().join("config/bucketry/session.json")
}

#[tokio::test]
async fn buckets_are_registered_looked_at_changed_and_removed() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let (secret, endpoint) =
        (terminal.file("secret", &format!("{}\n", ADMIN.secret))?, shared_s3_endpoint()?);
    let place = ["--bucket", OPEN_BUCKET, "--key", ADMIN.key, "--endpoint", &endpoint];
    let add = |name| [&["bucket", "add", name], &place[..], &["--secret-file", &secret]].concat();
    let response = terminal.text(&add("Photos")).await?;
    assert!(response.contains(&format!("\nregistered Photos: {OPEN_BUCKET} at ")), "{response}");
    assert!(response.contains("ONLINE") && response.contains("✓ delete"), "it shows the checks: {response}");
    let made = terminal.json(&add("Films")).await?;
    let films = text(&made["bucketId"]).to_owned();

    let from_input = [&["bucket", "add", "Music"], &place[..], &["--secret-file", "-"]].concat();
    terminal.run_with_input(&from_input, ADMIN.secret).await?.with_status(0)?;
    let taken = terminal.run(&add("photos")).await?.with_status(1)?;
    assert!(taken.stdout.is_empty() && taken.stderr.contains("already has a bucket named"), "{taken:?}");

    let look = async || terminal.json(&["bucket", "list"]).await;
    let all_online = |listed: &Value| each(listed, "status") == ["ONLINE"; 3];
    let listed = eventually("all buckets being ONLINE", SOON, look, all_online).await?;
    assert_eq!(each(&listed, "name"), ["Music", "Films", "Photos"]);
    let table = terminal.text(&["bucket", "list", "-o", "wide"]).await?;
    for word in ["NAME", "STATUS", "LATENCY", "Photos", "ONLINE", &films] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let same = terminal.json(&["bucket", "ls", "--workspace", "default"]).await?;
    assert_eq!(each(&same, "id"), each(&listed, "id"), "probes may have changed other fields meanwhile");

    let shown = terminal.text(&["bucket", "show", "PHOTOS"]).await?;
    assert!(shown.contains("stored, sealed") && !shown.contains(ADMIN.secret), "{shown}");
    assert!(shown.contains("default") && shown.contains("checks passed"), "workspace and diagnosis: {shown}");
    let by_id = terminal.json(&["bucket", "show", &films]).await?;
    assert_eq!((&by_id["name"], &by_id["diagnosis"]["status"]), (&json!("Films"), &json!("ONLINE")));
    assert!(!shown.contains(text(&by_id["workspaceId"])), "names instead of ids: {shown}");

    status_and_traffic_are_shown(&terminal).await?;

    let moved = ["bucket", "update", "Music", "--name", "Songs", "--bucket", SCOPED_BUCKET];
    let refused = terminal.run(&moved).await?.with_status(2)?;
    let said = "--secret-file (or BUCKETRY_BUCKET_SECRET) must be sent again, because --bucket changes";
    assert!(refused.stderr.contains(said), "{refused:?}");
    let renamed = terminal.text(&[&moved[..], &["--secret-file", &secret]].concat()).await?;
    assert!(renamed.starts_with("updated Music, now named Songs, ONLINE"), "{renamed}");
    let nothing = terminal.run(&["bucket", "update", "Songs"]).await?.with_status(2)?;
    assert!(nothing.stderr.contains("nothing to change"), "{nothing:?}");
    assert_eq!(terminal.json(&["bucket", "show", "songs"]).await?["bucket"], SCOPED_BUCKET);
    let updated = terminal.json(&["bucket", "update", "Songs", "--region", "us-east-1"]).await?;
    assert_eq!(updated["status"], "ONLINE");

    let response = terminal.text(&["bucket", "rm", "Songs"]).await?;
    assert!(response.contains("untouched") && response.contains("destroyed its stored secret"), "{response}");
    assert_eq!(terminal.json(&["bucket", "rm", &films]).await?, json!({ "deleted": films }));
    let gone = terminal.run(&["bucket", "show", "Films"]).await?.with_status(1)?;
    assert!(gone.stderr.contains("bucketry bucket list"), "{gone:?}");
    Ok(())
}

/// Shows the bucket `Photos`, one of three, as people and programs see it.
async fn status_and_traffic_are_shown(terminal: &CommandLine) -> Result<()> {
    let status = terminal.json(&["bucket", "status", "Photos"]).await?;
    assert_eq!(status["nodeStatus"][0]["status"], "ONLINE");
    let table = terminal.text(&["bucket", "status", "Photos"]).await?;
    assert!(table.contains("embedded") && table.contains("LAST PROBED"), "{table}");
    let stats = terminal.json(&["bucket", "stats", "Photos"]).await?;
    assert_eq!(
        (&stats["totals"][0]["totalCount"], &stats["nodes"][0]["perc_uptime"]),
        (&json!("0"), &json!(100.0))
    );
    let table = terminal.text(&["bucket", "stats", "Photos"]).await?;
    assert!(table.contains("100.00 %") && table.contains("REQUESTS"), "{table}");
    let empty = terminal.json(&["bucket", "stats", "Photos", "--day", "2020-01-01"]).await?;
    assert!(list(&empty["nodes"]).is_empty(), "{empty}");
    assert_eq!(list(&terminal.json(&["bucket", "stats"]).await?["totals"]).len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_bucket_that_cannot_be_opened_is_shown_check_by_check() -> Result<()> {
    let (_server, terminal) = deployment().await?;
    let endpoint = shared_s3_endpoint()?;
    let terminal = terminal.env("BUCKETRY_BUCKET_SECRET", "not-the-secret");
    let add =
        ["bucket", "add", "Photos", "--bucket", OPEN_BUCKET, "--key", ADMIN.key, "--endpoint", &endpoint];
    let ended = terminal.run(&add).await?.with_status(1)?;
    for line in ["✓ connect", "✗ authenticate", "SECRET_WRONG", "→ Enter the whole secret again"] {
        assert!(ended.stdout.contains(line), "{line}: {ended:?}");
    }
    assert_eq!(ended.stderr, "error: the bucket was not registered, because a check failed\n");
    let ended = terminal.run(&[&add[..], &["--json"]].concat()).await?.with_status(1)?;
    let response: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(response["error_code"], "VALIDATION_FAILED");

    terminal.text(&[&add[..], &["--skip-validation"]].concat()).await?;
    let ended = terminal.run(&["bucket", "validate", "Photos"]).await?.with_status(1)?;
    assert!(ended.stdout.contains("SECRET_WRONG"), "{ended:?}");
    let terminal = terminal.env("BUCKETRY_BUCKET_SECRET", ADMIN.secret);
    let response = terminal.text(&["bucket", "validate", "Photos"]).await?;
    assert!(response.contains("✓ delete"), "{response}");
    let response = terminal.json(&["bucket", "validate", "Photos", "--read-only"]).await?;
    assert!(!each(&response["checks"], "name").contains(&"write"), "{response}");
    terminal.text(&["bucket", "update", "Photos"]).await?;
    let terminal = terminal.env("BUCKETRY_BUCKET_SECRET", "");
    terminal.text(&["bucket", "validate", "Photos"]).await.map(drop)
}

#[tokio::test]
async fn a_session_is_kept_renewed_and_ended() -> Result<()> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::new()?;
    let login = ["login", "--url", server.api(), "--email", OWNER_EMAIL, "--password-stdin"];
    let nobody = terminal.run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(nobody.stderr.contains("bucketry login"), "{nobody:?}");
    let wrong = terminal.run_with_input(&login, "Wrong-Password-1\n").await?.with_status(1)?;
    assert!(wrong.stderr.contains("the password is wrong") && !session_file(&terminal).exists(), "{wrong:?}");

    let response = terminal.run_with_input(&login, &format!("{OWNER_PASSWORD}\n")).await?.with_status(0)?;
    assert!(response.stdout.contains(OWNER_EMAIL) && response.stdout.contains("OWNER"), "{response:?}");
    let file = session_file(&terminal);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(terminal.json(&["bucket", "list"]).await?, json!([]));
    let elsewhere = terminal.run(&["bucket", "list", "--url", "http://127.0.0.1:1"]).await?.with_status(1)?;
    assert!(
        elsewhere.stderr.contains("logged in to"),
        "a token is not shown to another server: {elsewhere:?}"
    );

    let kept = || std::fs::read_to_string(&file).unwrap();
    let expire = || {
        let mut session: Value = serde_json::from_str(&kept()).unwrap();
        session["expires_at"] = json!(0);
        std::fs::write(&file, session.to_string()).unwrap();
    };
    expire();
    let before = kept();
    terminal.text(&["bucket", "list"]).await?;
    assert_ne!(kept(), before, "the session was renewed");
    terminal.text(&["workspace", "list"]).await?;

    // Several commands may run at the same time, also when the access token has expired.
    expire();
    let (list, stats) = (["bucket", "list"], ["bucket", "stats"]);
    let (one, two, three) = tokio::join!(terminal.text(&list), terminal.text(&stats), terminal.text(&list));
    for response in [one, two, three] {
        response?;
    }
    terminal.text(&["bucket", "list"]).await?;

    let token = kept();
    let response = terminal.text(&["logout"]).await?;
    assert!(response.contains("logged out") && !file.exists(), "{response}");
    assert!(terminal.text(&["logout"]).await?.contains("you are not logged in"));
    terminal.run(&["bucket", "list"]).await?.with_status(1)?;
    let session: Value = serde_json::from_str(&token).unwrap();
    let ended = server.get("/bucket").token(text(&session["access_token"])).send().await?;
    assert_eq!(ended.status, 401, "the server ended the session too");
    Ok(())
}

#[tokio::test]
async fn workspaces_users_tokens_and_nodes_are_managed() -> Result<()> {
    let (server, terminal) = deployment().await?;
    let made = terminal.json(&["workspace", "add", "Team"]).await?;
    assert_eq!(made["name"], "Team");
    assert_eq!(each(&terminal.json(&["workspace", "list"]).await?, "name"), ["Team", "default"]);
    assert!(terminal.text(&["workspace", "rename", "team", "The Team"]).await?.contains("The Team"));

    let add =
        ["user", "add", "ann@example.com", "--first-name", "Ann", "--last-name", "Lee", "--password-stdin"];
    terminal.run_with_input(&add, "Correct-Horse-3\n").await?.with_status(0)?;
    let weak = ["user", "add", "bob@example.com", "--password-stdin"];
    let weak = terminal.run_with_input(&weak, "weak\n").await?.with_status(1)?;
    assert!(weak.stderr.contains("password"), "{weak:?}");
    let made_up = terminal.run(&["user", "add", "cyd@example.com"]).await?.with_status(0)?;
    let (_, password) = made_up.stderr.split_once("(shown only once): ").unwrap();
    server.log_in_as("cyd@example.com", password.trim()).await?;

    terminal.text(&["workspace", "grant", "The Team", "ann@example.com", "read"]).await?;
    terminal.text(&["workspace", "grant", "The Team", "ann@example.com", "write"]).await?;
    let shown = terminal.text(&["workspace", "show", "The Team"]).await?;
    assert!(
        shown.contains("ann@example.com") && shown.contains("WRITE") && shown.contains("ADMIN"),
        "{shown}"
    );
    terminal.text(&["workspace", "revoke", "The Team", "ann@example.com"]).await?;
    assert_eq!(list(&terminal.json(&["workspace", "show", "The Team"]).await?["users"]).len(), 1);
    assert_eq!(terminal.json(&["user", "role", "ann@example.com", "workspaces"]).await?["orgRole"], 2);
    let table = terminal.text(&["user", "list"]).await?;
    assert!(table.contains("Ann Lee") && table.contains("WORKSPACES") && table.contains("OWNER"), "{table}");
    terminal.text(&["user", "rm", "ann@example.com"]).await?;
    assert_eq!(list(&terminal.json(&["user", "list"]).await?).len(), 2);
    terminal.text(&["workspace", "rm", "The Team"]).await?;

    let made = terminal.run(&["token", "add", "script", "--workspace", "default", "--role", "read"]).await?;
    let token = made.with_status(0)?.stdout.trim().to_owned();
    let script = CommandLine::with_token(&server, &token)?;
    assert_eq!(script.json(&["bucket", "list"]).await?, json!([]));
    let refused = script.run(&["user", "list"]).await?.with_status(1)?;
    assert!(refused.stderr.contains("needs the organization role"), "{refused:?}");
    let tokens = terminal.json(&["token", "list"]).await?;
    assert_eq!(each(&tokens, "name")[0], "script");
    let id = text(&tokens[0]["id"]);
    assert!(terminal.text(&["token", "list"]).await?.contains(id));
    assert!(terminal.text(&["token", "rm", "SCRIPT"]).await?.contains("revoked script"));
    let ended = script.run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(ended.stderr.contains("BUCKETRY_TOKEN"), "it says what to do: {ended:?}");

    let nodes = terminal.json(&["nodes", "list"]).await?;
    assert_eq!(each(&nodes, "ip"), ["embedded"]);
    assert!(terminal.text(&["nodes", "list"]).await?.contains("ONLINE"));
    Ok(())
}

#[tokio::test]
async fn a_deployment_is_examined_and_described() -> Result<()> {
    let (server, mut terminal) = deployment().await?;
    if let Some(database) = server.database() {
        terminal = terminal.env("BUCKETRY_DATABASE_URL", database);
    }
    let data_dir = server.data_dir().to_string_lossy();
    let table = terminal.text(&["doctor", "--data-dir", &data_dir]).await?;
    for check in ["✓ server", "✓ clock", "✓ database", "✓ migrations", "✓ node", "✓ login", "✓ vault.key"]
    {
        assert!(table.contains(check), "{check}: {table}");
    }
    let findings = terminal.json(&["doctor"]).await?;
    assert!(list(&findings).iter().all(|finding| finding["ok"] == true), "{findings}");
    let path = server.data_dir().join("vault.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = terminal.run(&["doctor", "--data-dir", &data_dir]).await?.with_status(1)?;
    assert!(ended.stdout.contains("✗ vault.key") && ended.stdout.contains("chmod 600"), "{ended:?}");
    let nowhere = terminal.run(&["doctor", "--url", "http://127.0.0.1:1"]).await?.with_status(1)?;
    assert!(nowhere.stdout.contains("✗ server") && nowhere.stdout.contains("bucketry serve"), "{nowhere:?}");

    let printed: Value = serde_json::from_str(&terminal.text(&["openapi"]).await?).unwrap();
    let served = server.get("/openapi.json").send().await?.json_with_status(200)?;
    assert_eq!(printed, served);
    assert!(text(&served["openapi"]).starts_with("3."));
    let page = server.get("/docs").send().await?;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains("https://"), "the page loads nothing from other hosts");
    for shell in ["bash", "zsh", "fish"] {
        let script = terminal.text(&["completions", shell]).await?;
        assert!(script.contains("BUCKETRY_COMPLETE"), "{shell}: {script}");
    }
    Ok(())
}

#[tokio::test]
async fn wrong_usage_is_told_apart_from_failure() -> Result<()> {
    let terminal = CommandLine::new()?;
    for wrong in [
        &["bucket"][..],
        &["bucket", "add"],
        &["bucket", "fly", "x"],
        &["workspace", "grant", "w", "u", "king"],
        &["serve", "--listen", "nonsense"],
        &["serve", "--probe-interval", "0"],
        &["serve", "--endpoint-policy", "open"],
        &["serve", "--allowed-endpoints", "2130706433"],
        &["serve", "--trusted-proxies", "here"],
        &["serve", "--config", "missing.toml"],
        &["completions", "cmd"],
        &["nonsense"],
        &[],
    ] {
        let ended = terminal.run(wrong).await?;
        assert_eq!(ended.status(), Some(2), "{wrong:?}: {ended:?}");
        assert!(ended.stderr.len() > 20, "{wrong:?}: {ended:?}");
    }
    wrong_values_are_named_by_their_flags(&terminal).await?;
    let unreachable = terminal.env("BUCKETRY_URL", "http://127.0.0.1:1").env("BUCKETRY_TOKEN", "bkt_x");
    let ended = unreachable.run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(ended.stderr.contains("127.0.0.1:1"), "{ended:?}");
    for right in [&["--help"][..], &["--version"], &["bucket", "add", "--help"]] {
        assert!(unreachable.text(right).await?.contains("bucketry"), "{right:?}");
    }
    Ok(())
}

/// Values that no server would accept. They are refused before a server is asked, or a login is needed.
async fn wrong_values_are_named_by_their_flags(terminal: &CommandLine) -> Result<()> {
    let missing = terminal.home().join("missing.pem").to_string_lossy().into_owned();
    for (wrong, said) in [
        (&["bucket", "inventory", "x", "--every", "0h"][..], "--every <TIME>"),
        (&["bucket", "inventory", "x", "--every", "367d"], "from 1h to 366d"),
        (&["bucket", "inventory", "x", "--every", "1h", "--requests-per-second", "101"], "from 1 to 100"),
        (&["bucket", "inventory", "x", "--every", "1h", "--window", "5-6"], "--window <FROM-UNTIL>"),
        (&["bucket", "inventory", "x", "--window", "01:00-05:00"], "--every <TIME>"),
        (&["organization", "inventory", "--every", "0d"], "--every <TIME>"),
        (&["organization", "inventory", "--every", "1h", "--off"], "--off"),
        (&["bucket", "stats", "x", "--day", "tomorrow"], "--day <DAY>"),
        (&["bucket", "usage", "--from", "soon"], "--from <TIME>"),
        (&["bucket", "usage", "--to", "2026-02-30"], "--to <TIME>"),
        (&["bucket", "usage", "--by", "week"], "--by <PERIOD>"),
        (&["bucket", "events", "x", "--limit", "0"], "--limit <LIMIT>"),
        (&["token", "add", "t", "--expires-at", "soon"], "--expires-at <TIME>"),
        (&["audit", "--since", "someday"], "--since <TIME>"),
        (&["context", "use", "../prod"], "letters, digits, hyphens"),
        (&["context", "add", "prod"], "--url is missing"),
        (&["bucket", "list", "--context", "prod"], "there is no context prod: you have default"),
        (&["openapi", "--json"], "has no option --json"),
        (&["completions", "bash", "--url", "http://x"], "has no option --url"),
        (&["bucket", "show", "x", "-o", "csv"], "are for lists"),
        (&["audit", "--until", "2026-02-30"], "--until <TIME>"),
        (&["audit", "--kind", "bukket"], "--kind <KIND>"),
        (&["audit", "--action", "stolen"], "--action <ACTION>"),
        (
            &["login", "--email", "a@b.c", "--password-stdin", "--url", "ftp://127.0.0.1"],
            "--url (or BUCKETRY_URL)",
        ),
        (&["login", "--email", "a@b.c", "--password-stdin", "--api-ca-file", &missing], "--api-ca-file"),
    ] {
        let ended = terminal.run(wrong).await?.with_status(2)?;
        assert!(ended.stderr.contains(said), "{wrong:?} lacks {said}: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_demo_shows_buckets_and_leaves_nothing() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let terminal = CommandLine::new()?;
    let dir = terminal.home().join("temporary");
    std::fs::create_dir(&dir).unwrap();
    let terminal = terminal.env("TMPDIR", &dir.to_string_lossy());
    let ready_file = terminal.home().join("ready.json");
    let anywhere = "127.0.0.1:0";
    let ready_path = ready_file.to_string_lossy();
    let args = ["demo", "--listen", anywhere, "--gateway-listen", anywhere, "--ready-file", &ready_path];
    let mut demo = terminal.start(&args)?;
    let look = async || Ok(std::fs::read_to_string(&ready_file).unwrap_or_default());
    let ready = eventually("the demo being ready", SOON, look, |text| !text.is_empty()).await?;
    let ready: Value = serde_json::from_str(&ready).unwrap();

    let output = demo.output();
    for member in ["api", "gateway", "email", "password", "token", "shell", "paste"] {
        assert!(output.contains(text(&ready[member])), "{member} is not in {output}");
    }
    let visitor = CommandLine::new()?;
    let visitor =
        visitor.env("BUCKETRY_URL", text(&ready["api"])).env("BUCKETRY_TOKEN", text(&ready["token"]));
    let look = async || visitor.json(&["bucket", "list", "--sort", "name"]).await;
    let usual = ["OFFLINE", "ONLINE", "ONLINE", "ONLINE", "ONLINE"];
    eventually("all but Archive being ONLINE", SOON, look, |listed| each(listed, "status") == usual).await?;
    let login = json!({ "email": ready["email"], "password": ready["password"] });
    let session = Call::new(Method::POST, text(&ready["api"]), "/user/login").json(&login).send().await?;
    assert_eq!(session.status, 200);
    assert!(std::fs::read_dir(&dir).unwrap().count() > 0, "the demo's data is there");

    let status = demo.interrupt().await?;
    assert_eq!(status.code(), Some(0), "{}", demo.output());
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "the demo removes its data");
    assert!(
        Call::new(Method::GET, text(&ready["s3"]), "/").send().await.is_err(),
        "its S3 server has stopped too"
    );
    Ok(())
}

#[tokio::test]
async fn the_organization_shows_the_external_id_that_roles_must_ask_for() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let response = terminal.json(&["organization", "show"]).await?;
    let id = text(&response["awsExternalId"]);
    assert!(id.starts_with("bucketry-") && id.len() > 40, "{response}");
    assert!(terminal.text(&["organization", "show"]).await?.contains(id));
    Ok(())
}

#[tokio::test]
async fn refusals_name_what_to_type_at_the_command_line() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let server = Server::start(embedded_options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let (secret, endpoint) = (terminal.file("secret", ADMIN.secret)?, shared_s3_endpoint()?);
    let add = ["bucket", "add", "Photos", "--bucket", OPEN_BUCKET, "--key", ADMIN.key];
    terminal.text(&[&add[..], &["--endpoint", &endpoint, "--secret-file", &secret]].concat()).await?;
    terminal.text(&["repo", "add", "Media", "--bucket", "Photos"]).await?;
    terminal.file("taken.db", "")?;
    let taken = terminal.home().join("taken.db").to_string_lossy().into_owned();
    let data_dir = server.data_dir().to_string_lossy().into_owned();
    for (args, status, said) in [
        (&["token", "add", "t", "--expires-at", "2020-01-31T00:00:00Z"][..], 2, "--expires-at must be"),
        (&["bucket", "update", "Photos", "--region", "no region"], 2, "--region "),
        (&["repo", "add", "Mirror", "--bucket", "Photos", "--mode", "mirror"], 1, "pass --master with"),
        (&["repo", "update", "Media", "--mode", "mirror"], 1, "pass --master with"),
        (&["repo", "update", "Media"], 2, "nothing to change"),
        (&["user", "password", "--password-stdin"], 2, "the new password is missing"),
        (&["backup", "copy.db", "--data-dir", "nowhere"], 1, "there is no database in nowhere"),
        (&["backup", &taken, "--data-dir", &data_dir], 1, "already exists: choose another name"),
    ] {
        let ended = terminal.run(args).await?.with_status(status)?;
        assert!(ended.stderr.contains(said), "{args:?}: {ended:?}");
    }
    Ok(())
}

#[tokio::test]
async fn results_are_json_for_programs() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let server = Server::start(embedded_options()?).await?;
    let terminal = CommandLine::new()?;
    let login = ["login", "--json", "--url", server.api(), "--email", OWNER_EMAIL, "--password-stdin"];
    let ended = terminal.run_with_input(&login, OWNER_PASSWORD).await?.with_status(0)?;
    let session: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(session, json!({ "url": server.api(), "email": OWNER_EMAIL, "role": "OWNER" }));

    let made = terminal.json(&["user", "add", "ann@example.com"]).await?;
    assert_eq!(made["email"], "ann@example.com");
    server.log_in_as("ann@example.com", text(&made["password"])).await?;

    let file = terminal.home().join("copy.db").to_string_lossy().into_owned();
    let data_dir = server.data_dir().to_string_lossy();
    let backup = terminal.json(&["backup", &file, "--data-dir", &data_dir]).await?;
    assert!(backup["file"] == json!(file) && backup["rows"].is_u64() && backup["bytes"].is_u64(), "{backup}");

    assert_eq!(terminal.json(&["logout"]).await?, json!({ "loggedOutOf": server.api() }));
    assert_eq!(terminal.json(&["logout"]).await?, json!({ "loggedOutOf": null }));
    Ok(())
}
