//! Deployments that are kept equal to a file, and the file that a deployment is written to.

use bucketry_e2e::{
    ADMIN, CommandLine, Error, OPEN_BUCKET, Person, Result, SCOPED_BUCKET, Server, each, list, options,
    s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_faults::{Answer as FaultAnswer, Fault, FaultProxy};
use serde_json::{Value, json};

/// A server, its owner, and a terminal of the owner.
async fn deployment() -> Result<(Server, Person, CommandLine)> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    Ok((server, owner, terminal))
}

/// Names that mean something in YAML, are as long as a name may be, or are written in other scripts.
fn difficult_names() -> Vec<String> {
    let names = [
        "Holiday photos",
        "a: b # c",
        "- x",
        "\"quoted\" \\ 'back'",
        "yes",
        "~",
        "null",
        "2024-01-31",
        "0x1F",
        "1e3",
        "{a}",
        "[a]",
        "&a *b !c",
        "| x",
        "> x",
        "% @ `",
        "日本語 データ",
        "Übersee – Fotos",
        "👩‍👩‍👧 family",
        "x\u{200b}y",
        "ends with:",
        "photos-prod",
        "photos_prod",
    ];
    let mut all: Vec<String> = names.into_iter().map(str::to_owned).collect();
    all.push("é".repeat(255));
    all.push(format!("long {}", "word ".repeat(50)).trim().to_owned());
    all
}

/// The terminal with every variable that a file refers to.
fn with_secrets(mut terminal: CommandLine, file: &str) -> CommandLine {
    for line in file.lines() {
        if let Some(name) = line.trim().strip_prefix("secretEnv: ") {
            terminal = terminal.env(name, ADMIN.secret);
        }
    }
    terminal
}

#[tokio::test]
async fn an_export_that_is_applied_to_an_empty_deployment_exports_the_same_file() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    let team =
        owner.post("/workspace", &json!({ "name": "team: one" })).send().await?.json_with_status(201)?;
    let workspaces = [owner.workspace().await?, text(&team["workspace"]["id"]).to_owned()];
    let endpoint = shared_s3_endpoint()?;
    let mut ids = Vec::new();
    for (index, name) in difficult_names().iter().enumerate() {
        let body = s3_bucket(name, &format!("b{index}"), &endpoint, &workspaces[index % 2]);
        ids.push(owner.register(&with(&body, &json!({ "skipValidation": true }))).await?);
    }
    let role = json!({
        "name": "No secret", "bucket": "assumed", "storageType": "S3", "key": "arn:aws:iam::123456789012:role/reader",
        "workspaceId": workspaces[0], "skipValidation": true,
    });
    owner.register(&role).await?;
    for (name, mode, attached) in [
        ("Media: all", "NORMAL", [(0, "2026/ü b", false), (2, "", false)]),
        ("- mirror", "MIRROR", [(4, "", false), (6, "x", true)]),
    ] {
        let place = |(index, folder, master): (usize, &str, bool)| json!({ "bucketId": ids[index], "folder": folder, "master": master });
        let body = json!({
            "name": name, "storageType": "S3", "mode": mode, "workspaceId": workspaces[0],
            "repoBuckets": attached.map(place),
        });
        owner.post("/repo", &body).send().await?.json_with_status(200)?;
    }
    let exported = terminal.text(&["export"]).await?;
    assert!(!exported.contains(ADMIN.secret), "{exported}");
    assert_eq!(exported.matches("secretEnv: ").count(), difficult_names().len(), "{exported}");
    let file = terminal.file("registry.yaml", &exported)?;
    let same = terminal.text(&["apply", "-f", &file, "--prune"]).await?;
    assert!(same.starts_with("nothing to change"), "{same}");

    let (_other, _, empty) = deployment().await?;
    let missing = empty.run(&["apply", "-f", &file, "--skip-validation"]).await?.with_status(2)?;
    assert!(missing.stderr.contains("nothing was changed"), "{missing:?}");
    assert!(missing.stderr.contains("BUCKETRY_SECRET_HOLIDAY_PHOTOS is not set"), "{missing:?}");
    assert!(list(&empty.json(&["bucket", "list"]).await?).is_empty());
    let empty = with_secrets(empty, &exported);
    let applied = empty.text(&["apply", "-f", &file, "--skip-validation"]).await?;
    assert!(
        applied.ends_with("created, 0 changed, 0 deleted\n") && !applied.contains(ADMIN.secret),
        "{applied}"
    );
    let again = empty.text(&["apply", "-f", &file]).await?;
    assert!(again.starts_with("nothing to change"), "{again}");
    assert_eq!(empty.text(&["export"]).await?, exported);
    Ok(())
}

/// A file with two buckets and a repository.
fn registry(endpoint: &str, region: &str) -> String {
    let bucket = |name: &str, bucket: &str| {
        format!(
            "- name: {name}\n  workspace: team\n  bucket: {bucket}\n  endpoint: {endpoint}\n  region: {region}\n  key: \
             {}\n  secretFile: secret\n",
            ADMIN.key
        )
    };
    format!(
        "version: 1\nworkspaces:\n- name: team\nbuckets:\n{}{}repositories:\n- name: Media\n  workspace: team\n  buckets:\n  - \
         bucket: Photos\n    folder: a\n  - Films\n",
        bucket("Photos", OPEN_BUCKET),
        bucket("Films", SCOPED_BUCKET)
    )
}

#[tokio::test]
async fn a_file_creates_corrects_drift_and_deletes_only_with_prune() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    terminal.file("secret", ADMIN.secret)?;
    let endpoint = shared_s3_endpoint()?;
    let file = terminal.file("registry.yaml", &registry(&endpoint, "us-east-1"))?;
    let apply = ["apply", "-f", &file];
    let planned = terminal.text(&[&apply[..], &["--dry-run"]].concat()).await?;
    assert!(
        planned.contains("+ workspace team\n") && planned.contains("    buckets: Photos:a, Films\n"),
        "{planned}"
    );
    assert!(planned.ends_with("4 to create, 0 to change, 0 to delete; nothing was changed\n"), "{planned}");
    assert!(owner.buckets().await?.is_empty());
    let done = terminal.text(&apply).await?;
    assert!(done.ends_with("4 created, 0 changed, 0 deleted\n"), "{done}");
    let status = terminal.json(&["bucket", "list"]).await?;
    assert_eq!(each(&status, "status"), ["ONLINE", "ONLINE"], "they were validated");
    // The secret isn't needed as long as it belongs to what is stored.
    std::fs::remove_file(terminal.home().join("secret")).unwrap();
    assert!(terminal.text(&apply).await?.starts_with("nothing to change"));

    terminal.text(&["bucket", "update", "Photos", "--region", "eu-central-1", "--skip-validation"]).await?;
    terminal.text(&["repo", "update", "Media", "--name", "media"]).await?;
    let drift = terminal.json(&[&apply[..], &["--dry-run"]].concat()).await?;
    assert_eq!(each(&drift["changes"], "action"), ["update", "update"], "{drift}");
    let field = json!({ "field": "region", "from": "eu-central-1", "to": "us-east-1" });
    assert_eq!(drift["changes"][0]["fields"], json!([field]));
    let done = terminal.json(&apply).await?;
    assert_eq!(list(&done["changes"]).iter().filter(|change| change["done"] == true).count(), 2, "{done}");
    assert!(terminal.text(&apply).await?.starts_with("nothing to change"));

    let workspace = owner.workspace().await?;
    let other = s3_bucket("Other", OPEN_BUCKET, &endpoint, &workspace);
    owner.register(&with(&other, &json!({ "skipValidation": true }))).await?;
    assert!(terminal.text(&apply).await?.starts_with("nothing to change"));
    let team = terminal.text(&["export", "--workspace", "team"]).await?;
    assert!(team.starts_with("version: 1\nhasEnd: true\nscope: team\nworkspaces:\n- name: team\n"), "{team}");
    let team = terminal.file("team.yaml", &team)?;
    let same = terminal.text(&["apply", "-f", &team, "--prune"]).await?;
    assert!(same.starts_with("nothing to change"), "the bucket of another workspace stays: {same}");
    let pruned = terminal.text(&[&apply[..], &["--prune"]].concat()).await?;
    assert!(pruned.contains("- bucket Other\n") && pruned.contains("- workspace default\n"), "{pruned}");
    assert!(pruned.ends_with("0 created, 0 changed, 2 deleted\n"), "{pruned}");
    let left = terminal.json(&["bucket", "list"]).await?;
    assert_eq!(list(&left).len(), 2, "{left}");
    Ok(())
}

#[tokio::test]
async fn an_export_that_was_interrupted_deletes_nothing() -> Result<()> {
    let (server, owner, terminal) = deployment().await?;
    let (endpoint, workspace) = (shared_s3_endpoint()?, owner.workspace().await?);
    for name in ["Films", "Photos"] {
        let body = s3_bucket(name, OPEN_BUCKET, &endpoint, &workspace);
        owner.register(&with(&body, &json!({ "skipValidation": true }))).await?;
    }
    let Ok(address) = server.api().trim_start_matches("http://").parse() else { panic!("{}", server.api()) };
    let proxy = FaultProxy::start(address).await.map_err(Error::Files)?;
    let through_proxy =
        CommandLine::with_token(&server, owner.token())?.env("BUCKETRY_URL", &proxy.endpoint());
    let whole = through_proxy.text(&["export"]).await?;
    assert!(whole.ends_with("\nend: true\n"), "{whole}");
    proxy.set_for("GET /repo", Fault::Answer(FaultAnswer::new(500)));
    let interrupted = through_proxy.run(&["export"]).await?.with_status(1)?;
    assert!(interrupted.stdout.contains("- name: Photos\n"), "{interrupted:?}");

    let lost = whole.split_once("- name: Photos\n").map(|(begin, _)| begin);
    for (part, whats_cut) in [(interrupted.stdout.as_str(), "lists"), (lost.unwrap_or_default(), "buckets")] {
        let file = terminal.file("part.yaml", part)?;
        for more in [&["--prune", "--yes"][..], &["--prune", "--dry-run"], &[]] {
            let ended = terminal.run(&[&["apply", "-f", &file], more].concat()).await?.with_status(2)?;
            let says = "line 2: ends too early: `end: true` is missing";
            assert!(ended.stderr.contains(says), "{whats_cut}: {ended:?}");
        }
    }
    assert_eq!(owner.buckets().await?.len(), 2);
    // Whoever removes entries on purpose leaves the end, or removes the line that promises it.
    let by_hand = lost.unwrap_or_default().replace("hasEnd: true\n", "");
    let file = terminal.file("part.yaml", &by_hand)?;
    let pruned = terminal.text(&["apply", "-f", &file, "--prune", "--yes"]).await?;
    assert!(pruned.contains("- bucket Photos\n"), "{pruned}");
    Ok(())
}

#[tokio::test]
async fn a_change_that_fails_is_reported_and_the_others_are_made() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    terminal.file("secret", ADMIN.secret)?;
    terminal.file("wrong", "hunter2hunter2")?;
    let endpoint = shared_s3_endpoint()?;
    let text = registry(&endpoint, "us-east-1").replacen("secretFile: secret", "secretFile: wrong", 1);
    let file = terminal.file("registry.yaml", &text)?;
    let ended = terminal.run(&["apply", "-f", &file]).await?.with_status(1)?;
    assert!(
        ended.stderr.contains("bucket Photos: ") && ended.stderr.contains("2 of 4 changes failed"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("repository Media: its bucket Photos could not be registered"),
        "{ended:?}"
    );
    assert!(!format!("{ended:?}").contains("hunter2"), "{ended:?}");
    assert_eq!(owner.buckets().await?.len(), 1);
    let file = terminal.file("registry.yaml", &registry(&endpoint, "us-east-1"))?;
    let done = terminal.text(&["apply", "-f", &file]).await?;
    assert!(done.ends_with("2 created, 0 changed, 0 deleted\n"), "{done}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_file_is_refused_as_a_whole_with_lines_and_the_nearest_keys() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    let text = "version: 1\nbuckets:\n- name: Photos\n  bucket: photos\n  regoin: x\n- bucket: y\nrepositories:\n- name: R\n  \
                buckets: [Nothing]\n";
    let file = terminal.file("registry.yaml", text)?;
    let ended = terminal.run(&["apply", "-f", &file]).await?.with_status(2)?;
    for says in [
        "line 5: buckets[0].regoin is not a known key: did you mean region?",
        "line 6: buckets[1] lacks the key name",
    ] {
        assert!(ended.stderr.contains(says), "{ended:?}");
    }
    let file = terminal
        .file("registry.yaml", "version: 1\nbuckets:\n- name: P\n  bucket: p\n  workspace: nowhere\n")?;
    let ended = terminal.run(&["apply", "-f", &file]).await?.with_status(2)?;
    assert!(ended.stderr.contains("line 3: buckets[0].workspace is neither"), "{ended:?}");
    let missing = terminal.run(&["apply", "-f", "none.yaml"]).await?.with_status(2)?;
    assert!(missing.stderr.contains("can't read none.yaml"), "{missing:?}");
    assert!(owner.buckets().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn members_are_kept_equal_to_the_file_too() -> Result<()> {
    let (_server, owner, terminal) = deployment().await?;
    for email in ["ann@example.com", "bob@example.com"] {
        terminal.text(&["user", "add", email]).await?;
    }
    terminal.text(&["workspace", "grant", "default", "bob@example.com", "read"]).await?;
    let file = "version: 1\nworkspaces:\n- name: default\n  members:\n  - user: ann@example.com\n    role: WRITE\n  - user: \
                owner@example.com\n    role: admin\n";
    let file = terminal.file("registry.yaml", file)?;
    let added = terminal.text(&["apply", "-f", &file]).await?;
    assert!(added.contains("+ member ann@example.com in default\n    role: WRITE\n"), "{added}");
    let members = async || -> Result<Vec<String>> {
        let all = owner.get("/workspace").send().await?.json_with_status(200)?;
        let users: &Value = &all["workspaces"][0]["users"];
        let mut emails: Vec<String> =
            list(users).iter().map(|user| text(&user["user"]["email"]).to_owned()).collect();
        emails.sort();
        Ok(emails)
    };
    assert!(members().await?.contains(&"bob@example.com".to_owned()));
    let pruned = terminal.text(&["apply", "-f", &file, "--prune"]).await?;
    assert!(pruned.contains("- member bob@example.com in default"), "{pruned}");
    assert_eq!(members().await?, ["ann@example.com", "owner@example.com"]);
    let exported = terminal.text(&["export", "--members"]).await?;
    assert!(
        exported.contains("  members:\n  - user: ann@example.com\n    role: WRITE\n  - user: owner"),
        "{exported}"
    );
    Ok(())
}
