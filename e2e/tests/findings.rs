//! `bucketry doctor` during outages: what it names, its exit status, and that it is green again afterwards.

use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Ended, Error, NO_LIST, OPEN_BUCKET, Options, READ_ONLY, Result, SCOPED_BUCKET, SeaweedFs,
    Server, each, eventually, list, opened_by, options, query, run_python, s3_bucket, shared_s3_endpoint,
    text, with,
};
use bucketry_faults::{Answer as FaultAnswer, Fault, FaultProxy};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);

fn attentive() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1").env("BUCKETRY_FINDING_DELAY", "1"))
}

/// Waits until doctor exits with this status.
async fn doctor(terminal: &CommandLine, status: i32) -> Result<Ended> {
    let what = format!("doctor exiting with {status}");
    let look = async || terminal.run(&["doctor"]).await;
    eventually(&what, SOON, look, |ended| ended.status() == Some(status)).await
}

/// What doctor says that the server found.
async fn found(terminal: &CommandLine) -> Result<Vec<Value>> {
    let ended = terminal.run(&["doctor", "--json"]).await?;
    let all: Value = serde_json::from_str(&ended.stdout).map_err(|_| ended.unlike("findings"))?;
    Ok(list(&all).iter().filter(|one| one["finding"].is_object()).cloned().collect())
}

#[tokio::test]
async fn doctor_names_the_bucket_the_reason_and_the_repositories_until_the_outage_ends() -> Result<()> {
    let (mut store, server) = (SeaweedFs::start().await?, Server::start(attentive()?).await?);
    let owner = server.owner().await?;
    let body = s3_bucket("Holiday photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    owner.repository_access(&server, "Media", &[(&id, OPEN_BUCKET)]).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let healthy = doctor(&terminal, 0).await?;
    assert!(healthy.stdout.contains("✓ findings       nothing needs attention"), "{healthy:?}");

    store.stop().await?;
    let ended = doctor(&terminal, 1).await?;
    for part in [
        "✗ CRITICAL       Holiday photos: Bucket is OFFLINE, for ",
        "The repository Media uses it.",
        "bucketry bucket validate 'Holiday photos'",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    assert_eq!(ended.stderr, "error: 1 finding needs attention\n");
    let [finding] = &found(&terminal).await?[..] else { panic!("one finding") };
    assert_eq!((&finding["ok"], &finding["finding"]["code"]), (&json!(false), &json!("BUCKET_OFFLINE")));
    assert_eq!(finding["finding"]["id"], id);
    let bucket = owner.bucket(&id).await?;
    assert!(text(&finding["finding"]["message"]).starts_with(text(&bucket["statusReason"])), "{finding}");
    assert_eq!(finding["finding"]["since"], bucket["offlineSince"]);

    store.start_again().await?;
    doctor(&terminal, 0).await?;
    // Another control plane may answer with findings that are a moment old.
    eventually("no finding", SOON, async || found(&terminal).await, Vec::is_empty).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_one_finding_for_all_its_buckets() -> Result<()> {
    let (mut store, server) = (SeaweedFs::start().await?, Server::start(attentive()?).await?);
    let owner = server.owner().await?;
    let body = s3_bucket("A", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    for name in ["A", "B", "C", "D"] {
        owner.register(&with(&body, &json!({ "name": name }))).await?;
    }
    store.stop().await?;
    let look = async || owner.get("/findings").send().await?.json_with_status(200);
    // The buckets aren't probed at the same moment, so at first it may be about two or three of them.
    let is_about_all = |all: &Value| {
        text(&all["findings"][0]["message"])
            .starts_with("No node reaches 4 buckets there: A, B, C and 1 other.")
    };
    let all = eventually("one finding about all buckets", SOON, look, is_about_all).await?;
    assert_eq!(all["findings"][0]["code"], "ENDPOINT_OFFLINE");
    assert_eq!(all["more"], 0);
    Ok(())
}

/// Sets the last contact of all nodes back by 61 s, instead of waiting for a minute.
const LONG_SILENCE: &str = r"
import json, sqlite3, sys
database = sqlite3.connect(f'{sys.argv[1]}/bucketry.db')
database.execute('UPDATE nodes SET last_seen = last_seen - 61000000')
database.commit()
print(json.dumps('done'))
";

#[tokio::test]
async fn a_silent_node_is_one_finding_that_explains_its_buckets() -> Result<()> {
    let store = SeaweedFs::start().await?;
    let mut server = Server::start(attentive()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("A", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    for name in ["A", "B"] {
        let id = owner.register(&with(&body, &json!({ "name": name }))).await?;
        let look = async || owner.status_of(&id).await;
        eventually("the bucket being ONLINE", SOON, look, |status| status == "ONLINE").await?;
    }
    server.terminate().await?;
    let data_dir = server.data_dir().to_owned();
    let mut beside = attentive()?.data_dir(&data_dir).arg("--no-node");
    if let Some(database) = server.database() {
        query(database, "UPDATE nodes SET last_seen = last_seen - 61000000").await?;
        beside = beside.env("BUCKETRY_DATABASE_URL", database);
    } else {
        run_python(LONG_SILENCE, &[&data_dir.to_string_lossy()]).await?;
    }
    let alone = Server::start(beside).await?;
    let owner = owner.again_at(&alone);
    let all = owner.get("/findings").send().await?.json_with_status(200)?;
    // Both are the same bucket at the provider, which may be mentioned, too.
    assert_eq!(each(&all["findings"], "code").first(), Some(&"NODE_SILENT"), "{all}");
    assert!(list(&all["findings"]).iter().all(|one| one["code"] != "BUCKET_OFFLINE"), "{all}");
    let finding = &all["findings"][0];
    assert_eq!((&finding["name"], &finding["severity"]), (&json!("embedded"), &json!("CRITICAL")));
    assert!(text(&finding["message"]).contains("2 buckets that no connected node serves"), "{all}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_not_valid_is_a_failed_check() -> Result<()> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, "bkt_not-a-token")?;
    let ended = terminal.run(&["doctor"]).await?.with_status(1)?;
    assert!(ended.stdout.contains("✗ login"), "{ended:?}");
    assert!(ended.stdout.contains("✓ database"), "the other checks are made: {ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_backup_that_is_missing_is_a_finding_until_it_is_there() -> Result<()> {
    let (mut store, server) = (SeaweedFs::start().await?, Server::start(attentive()?).await?);
    store.create_bucket("vault").await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Vault", "vault", store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let set = [
        "bucket",
        "freshness",
        "add",
        "Vault",
        "--prefix",
        "backups/",
        "--max-age",
        "26h",
        "--min-size",
        "1k",
    ];
    terminal.text(&set).await?;
    let ended = doctor(&terminal, 1).await?;
    assert!(
        ended.stdout.contains("There is no object under backups/ of at least 1,024 bytes."),
        "{}",
        ended.stdout
    );
    let listed = terminal.json(&["bucket", "freshness", "list", "Vault"]).await?;
    assert_eq!(
        (&listed[0]["state"], &listed[0]["maxAgeSeconds"]),
        (&json!("STALE"), &json!(93_600)),
        "{listed}"
    );

    let access = owner.repository_access(&server, "Backups", &[(&id, "vault")]).await?;
    let put = async |key: &str, body: &str| {
        let answer = access.object(Method::PUT, key).raw("text/plain", body.to_owned()).send().await?;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Ok::<_, bucketry_e2e::Error>(())
    };
    put("backups/marker", "x").await?;
    put("backups/full", &"x".repeat(2_000)).await?;
    // Setting the rule again has it checked at once.
    terminal.text(&set).await?;
    doctor(&terminal, 0).await?;
    let look = async || terminal.json(&["bucket", "freshness", "list", "Vault"]).await;
    eventually("the prefix being fresh", SOON, look, |listed| listed[0]["state"] == "FRESH").await?;
    terminal.text(&["bucket", "freshness", "rm", "Vault", "--prefix", "backups/"]).await?;
    let wrong = terminal.run(&["bucket", "freshness", "rm", "Vault", "--prefix", "backups/"]).await?;
    assert!(wrong.with_status(2)?.stderr.contains("--prefix has no rule"));
    Ok(())
}

#[tokio::test]
async fn uploads_that_may_still_be_in_progress_are_left_alone() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    owner.register(&s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &workspace)).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let clean = ["bucket", "clean", "Photos", "--uploads-older-than"];
    let dry = terminal.text(&[&clean[..], &["3650d", "--dry-run"]].concat()).await?;
    assert!(dry.contains("has no multipart uploads that are older than 3650 d"), "{dry}");
    let result = terminal.json(&[&clean[..], &["3650d"]].concat()).await?;
    assert_eq!((&result["found"], &result["complete"]), (&json!(0), &json!(true)), "{result}");
    let young = terminal.run(&[&clean[..], &["59m"]].concat()).await?.with_status(2)?;
    assert!(young.stderr.contains("--uploads-older-than must be from 1 hour to 10 years"), "{young:?}");
    let add = ["bucket", "freshness", "add", "Photos", "--max-age", "5m"];
    let short = terminal.run(&add).await?.with_status(2)?;
    assert!(short.stderr.contains("--max-age must be from 10 minutes to 10 years"), "{short:?}");
    Ok(())
}

#[tokio::test]
async fn cleaning_with_a_key_that_the_provider_refuses_says_what_a_validation_says() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let path = format!("/bucket/{id}/uploads/clean");
    let request = json!({ "olderThanSeconds": 315_360_000, "dryRun": true });
    let cleaned = owner.post(&path, &request).send().await?.json_with_status(200)?;
    assert_eq!((&cleaned["success"], &cleaned["found"]), (&json!(true), &json!(0)), "{cleaned}");

    let replaced = json!({ "secret": "another-secret", "skipValidation": true });
    owner.put(&format!("/bucket/{id}"), &replaced).send().await?.json_with_status(200)?;
    // The node learns of the change a moment later.
    let clean = async || owner.post(&path, &request).send().await;
    let refused = eventually("a refusal", SOON, clean, |answer| answer.status != 200).await?;
    let refused = refused.json_with_status(400)?;
    let validation = owner.post(&format!("/bucket/{id}/validate"), &json!({})).send().await?;
    let validation = validation.json_with_status(400)?;
    for member in ["message", "error_code", "status"] {
        assert_eq!(refused[member], validation[member], "{refused} {validation}");
    }
    let [check] = list(&refused["checks"]) else { panic!("one check: {refused}") };
    assert_eq!((&check["name"], &check["error_code"]), (&json!("authenticate"), &json!("SECRET_WRONG")));

    // With this secret, not even a request can be made.
    let malformed = json!({
        "name": "Blobs", "storageType": "BLOB", "key": "account1", "secret": "not*base64", "endpoint": null,
        "region": null, "skipValidation": true,
    });
    let id = owner.register(&with(&body, &malformed)).await?;
    let path = format!("/bucket/{id}/uploads/clean");
    let refused = owner.post(&path, &request).send().await?.json_with_status(400)?;
    assert_eq!(refused["error_code"], "VALIDATION_FAILED", "{refused}");
    assert_eq!(refused["checks"][0]["error_code"], "SECRET_WRONG", "{refused}");

    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let clean = ["bucket", "clean", "Photos", "--uploads-older-than", "3650d", "--dry-run"];
    let failed = terminal.run(&clean).await?.with_status(1)?;
    assert!(failed.stderr.contains("The secret does not match the access key."), "{failed:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_that_opens_other_buckets_is_mentioned_until_another_one_is_entered() -> Result<()> {
    let mut store = SeaweedFs::start().await?;
    store.create_bucket("ledgers").await?;
    let server = Server::start(attentive()?.env("BUCKETRY_KEY_CHECKS", "on")).await?;
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    let broad = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &workspace);
    let id = owner.register(&broad).await?;
    let narrow = opened_by(&s3_bucket("Scoped", SCOPED_BUCKET, store.endpoint(), &workspace), READ_ONLY);
    owner.register(&with(&narrow, &json!({ "skipValidation": true }))).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let look = async || found(&terminal).await;
    let all = eventually("a finding", SOON, look, |all| !all.is_empty()).await?;
    assert_eq!(all.len(), 1, "{all:?}");
    let finding = &all[0]["finding"];
    assert_eq!((&finding["code"], &finding["id"]), (&json!("KEY_TOO_BROAD"), &json!(id)), "{all:?}");
    assert!(text(&finding["message"]).starts_with("The key also lists "), "{finding}");
    assert!(!finding.to_string().contains("ledgers"), "names of other buckets are secret: {finding}");
    // It is worth knowing, and nothing is wrong.
    doctor(&terminal, 0).await?;
    let metrics = server.get("/metrics").send().await?.text();
    assert!(metrics.contains(r#"bucketry_findings{code="KEY_TOO_BROAD",severity="INFO"} 1"#), "{metrics}");

    let changed = opened_by(&broad, NO_LIST);
    let changed = with(&changed, &json!({ "skipValidation": true }));
    owner.put(&format!("/bucket/{id}"), &changed).send().await?.json_with_status(200)?;
    eventually("no finding", SOON, look, Vec::is_empty).await?;
    Ok(())
}

#[tokio::test]
async fn a_bucket_whose_requests_fail_is_found_with_its_rate() -> Result<()> {
    let store = shared_s3_endpoint()?;
    let Ok(address) = store.trim_start_matches("http://").parse() else { panic!("{store} is no address") };
    let proxy = FaultProxy::start(address).await.map_err(Error::Files)?;
    let server = Server::start(attentive()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &proxy.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(&server, "Media", &[(&id, OPEN_BUCKET)]).await?;
    let put = access.object(Method::PUT, "rated.txt").raw("text/plain", "hello").send().await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    // Reads fail, and probes, which look the bucket up, don't.
    proxy.set_for("GET", Fault::Answer(FaultAnswer::s3_error(500, "InternalError", "")));
    for _ in 0..60 {
        let answer = access.object(Method::GET, "rated.txt").send().await?;
        assert!(answer.status >= 500, "{}", answer.status);
    }
    // Findings are cached for a minute, so nobody looks before the traffic is counted.
    let failed = async || {
        let minutes = owner.get("/stats/minute").send().await?.json_with_status(200)?;
        Ok(list(&minutes["data"]).iter().filter_map(|one| one["provider_errors"].as_u64()).sum::<u64>())
    };
    eventually("failures being counted", SOON, failed, |failed| *failed >= 60).await?;
    let ended = doctor(&terminal, 1).await?;
    assert!(ended.stdout.contains("Photos: Many requests fail"), "{}", ended.stdout);
    assert!(ended.stdout.contains("% failed at the provider"), "{}", ended.stdout);
    Ok(())
}
