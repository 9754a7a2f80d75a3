//! How full a bucket is: a walk through its list that survives the end of server and node, and what users see of it.

use std::time::Duration;

use bucketry_e2e::{CommandLine, Person, Result, Server, eventually, options, s3_bucket, text, with};
use bucketry_faults::{ListingFault, ListingStub};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(90);
const KEYS: u64 = 300_000;
const PAGES: u64 = 300;

async fn registered(owner: &Person, stub: &ListingStub) -> Result<String> {
    let body = s3_bucket("Photos", "photos", &stub.endpoint(), &owner.workspace().await?);
    owner.register(&with(&body, &json!({ "skipValidation": true }))).await
}

async fn inventory(owner: &Person, id: &str) -> Result<Value> {
    owner.get(&format!("/bucket/{id}/inventory")).send().await?.json_with_status(200)
}

fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Waits until this many requests are saved. Returns how many are.
async fn saved(owner: &Person, id: &str, requests: u64) -> Result<u64> {
    let look = async || Ok(number(&inventory(owner, id).await?["progress"]["requests"]));
    eventually("progress", SOON, look, |saved| *saved >= requests).await
}

#[tokio::test]
async fn a_walk_that_is_killed_twice_does_not_start_over() -> Result<()> {
    let stub = ListingStub::start(KEYS).await.unwrap();
    let mut server = Server::start(options()?).await?;
    let mut owner = server.owner().await?;
    let id = registered(&owner, &stub).await?;
    let path = format!("/bucket/{id}/inventory");
    let setting = json!({ "everyHours": 24, "requestsPerSecond": 15 });
    let set = owner.call(Method::PUT, &path).json(&setting).send().await?.json_with_status(200)?;
    assert_eq!((&set["mode"], &set["schedule"]["requestsPerSecond"]), (&json!("OWN"), &json!(15)), "{set}");
    owner.call(Method::POST, &path).send().await?.json_with_status(200)?;

    let mut repeated = 0;
    for least in [30, 120] {
        let known = saved(&owner, &id, least).await?;
        server.kill_hard().await?;
        repeated += stub.lists().saturating_sub(repeated).saturating_sub(known);
        server.restart().await?;
        owner = owner.again_at(&server);
    }
    let finished = |view: &Value| view["results"].as_array().is_some_and(|results| !results.is_empty());
    let view = eventually("a result", SOON, async || inventory(&owner, &id).await, finished).await?;
    let result = &view["results"][0];
    assert_eq!(number(&result["objects"]), KEYS, "{result}");
    assert_eq!(number(&result["storedBytes"]), KEYS * (KEYS - 1) / 2);
    assert_eq!(number(&result["requests"]), PAGES, "no page counts twice, and none is missing");
    assert_eq!(result["largestPrefixes"][0]["prefix"], format!("{:07}/", KEYS - 1));
    assert!(stub.lists() <= PAGES + repeated, "{} requests, {repeated} of them unsaved", stub.lists());
    assert!(stub.lists() < PAGES + 200, "{} requests for {PAGES} pages", stub.lists());

    let listed = owner.bucket(&id).await?;
    assert_eq!(number(&listed["objects"]), KEYS, "{listed}");
    assert_eq!(
        (&listed["storedBytes"], &listed["inventoryAt"]),
        (&result["storedBytes"], &result["finishedAt"])
    );
    let status = owner.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
    assert_eq!((&status["storedBytes"], &status["sizeSource"]), (&result["storedBytes"], &json!("MEASURED")));
    assert!(view["progress"].is_null() && view["nextAt"].is_string(), "{view}");
    Ok(())
}

#[tokio::test]
async fn a_list_that_is_denied_is_reported_and_tried_again() -> Result<()> {
    let stub = ListingStub::start(10).await.unwrap();
    stub.set(ListingFault::Denied);
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let id = registered(&owner, &stub).await?;
    owner.call(Method::POST, &format!("/bucket/{id}/inventory")).send().await?.json_with_status(200)?;
    let failed = |view: &Value| view["lastError"].is_object();
    let view = eventually("an error", SOON, async || inventory(&owner, &id).await, failed).await?;
    assert!(text(&view["lastError"]["message"]).contains("s3:ListBucket"), "{view}");
    assert!(view["progress"]["continuesAt"].is_string(), "it is tried again: {view}");
    Ok(())
}

#[tokio::test]
async fn wrong_settings_are_refused_and_others_see_nothing() -> Result<()> {
    let stub = ListingStub::start(10).await.unwrap();
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let id = registered(&owner, &stub).await?;
    let path = format!("/bucket/{id}/inventory");
    for (body, field) in [
        (json!({}), "everyHours"),
        (json!({ "everyHours": 0 }), "everyHours"),
        (json!({ "everyHours": 24, "requestsPerSecond": 1_000 }), "requestsPerSecond"),
        (json!({ "everyHours": 24, "window": "25:00-26:00" }), "window"),
    ] {
        let refused = owner.call(Method::PUT, &path).json(&body).send().await?.json_with_status(400)?;
        assert_eq!(refused["fields"][0]["field"], field, "{refused}");
    }
    let view = inventory(&owner, &id).await?;
    assert!(view["schedule"].is_null() && view["current"].is_null(), "off by default: {view}");
    assert_eq!(view["mode"], "ORGANIZATION");
    let unknown = "/bucket/00000000-0000-7000-8000-000000000000/inventory";
    owner.get(unknown).send().await?.json_with_status(404)?;
    Ok(())
}

#[tokio::test]
async fn the_command_line_sets_starts_and_shows() -> Result<()> {
    let stub = ListingStub::start(50).await.unwrap();
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    registered(&owner, &stub).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let set = ["bucket", "inventory", "Photos", "--every", "1d", "--window", "01:00-05:00", "--start"];
    let shown = terminal.run(&set).await?.with_status(0)?;
    assert!(
        shown.stdout.contains("every 24 h, 5 requests per second at most, 01:00-05:00 UTC"),
        "{}",
        shown.stdout
    );
    let look = async || Ok(terminal.run(&["bucket", "inventory", "Photos"]).await?.with_status(0)?.stdout);
    let text = eventually("a result", SOON, look, |text| text.contains(", measured)")).await?;
    assert!(text.contains("(1225 bytes, measured)") && text.contains("0000049/"), "{text}");
    let off = terminal.run(&["bucket", "inventory", "Photos", "--off"]).await?.with_status(0)?;
    let is_off = |line: &str| line.starts_with("walks") && line.ends_with(" off");
    assert!(off.stdout.lines().any(is_off), "{}", off.stdout);
    let wrong = terminal
        .run(&["bucket", "inventory", "Photos", "--every", "1h", "--window", "x"])
        .await?
        .with_status(2)?;
    assert!(
        wrong.stderr.contains("--window") && wrong.stderr.contains("must be a time window"),
        "{}",
        wrong.stderr
    );
    the_organization_has_a_schedule(&terminal).await
}

/// The schedule of all buckets without a separate setting.
async fn the_organization_has_a_schedule(terminal: &CommandLine) -> Result<()> {
    let none = terminal.text(&["organization", "inventory"]).await?;
    assert!(none.trim_end().ends_with("off"), "{none}");
    let set = ["organization", "inventory", "--every", "7d", "--requests-per-second", "2"];
    let shown = terminal.text(&set).await?;
    assert!(shown.contains("every 168 h, 2 requests per second at most"), "{shown}");
    terminal.run(&["bucket", "inventory", "Photos", "--follow-organization"]).await?.with_status(0)?;
    let bucket = terminal.text(&["bucket", "inventory", "Photos"]).await?;
    assert!(bucket.contains("every 168 h") && bucket.contains("set by the organization"), "{bucket}");
    let schedule = terminal.json(&["organization", "inventory"]).await?;
    assert_eq!(schedule, json!({ "everyHours": 168, "requestsPerSecond": 2 }));
    let removed = terminal.json(&["organization", "inventory", "--off"]).await?;
    assert!(removed.is_null(), "{removed}");
    Ok(())
}
