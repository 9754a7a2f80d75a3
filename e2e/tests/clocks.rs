//! The clock of the client, the server or the provider is wrong: nothing is done, and the error says what to
//! correct.

use std::path::PathBuf;
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, Error, OPEN_BUCKET, Person, Result, Server, eventually, list, options, query, run_python,
    s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_faults::{Answer, Fault, FaultProxy};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// The number of requests sent to providers. Call it between two probes of the bucket.
async fn provider_requests(server: &Server) -> Result<u64> {
    let metrics = server.get("/metrics").send().await?.text();
    let lines = metrics.lines().filter(|line| line.starts_with("bucketry_provider_requests_total{"));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

async fn online(owner: &Person, id: &str) -> Result<()> {
    let look = async || owner.status_of(id).await;
    eventually("the bucket being ONLINE", SOON, look, |status| status == "ONLINE").await.map(drop)
}

#[tokio::test]
async fn a_request_signed_an_hour_off_is_refused_before_it_gets_to_the_provider() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "3600")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(&server, "Clocks", &[(&id, OPEN_BUCKET)]).await?;
    online(&owner, &id).await?;
    let path = format!("/{OPEN_BUCKET}/clocks-{}", std::process::id());
    let put = async |ahead| access.signed(Method::PUT, &path, ahead).raw("text/plain", "x").send().await;

    let before = provider_requests(&server).await?;
    for hours in [-1, 1] {
        let response = put(SignedDuration::from_hours(hours)).await?;
        assert_eq!(response.status, 403, "{}", response.text());
        assert!(response.text().contains("<Code>RequestTimeTooSkewed</Code>"), "{}", response.text());
        assert!(response.text().contains("Correct the clock"), "{}", response.text());
    }
    assert_eq!(provider_requests(&server).await?, before, "nothing was sent to the provider");
    let missing = access.signed(Method::GET, &path, SignedDuration::ZERO).send().await?;
    assert_eq!(missing.status, 404, "{}", missing.text());

    // A smaller difference than the window is accepted.
    assert_eq!(put(SignedDuration::from_mins(14)).await?.status, 200);
    assert!(provider_requests(&server).await? > before, "the metric counts requests to the provider");
    assert_eq!(access.signed(Method::DELETE, &path, SignedDuration::ZERO).send().await?.status, 204);
    Ok(())
}

/// The finding of one check of `doctor`.
fn finding<'a>(findings: &'a Value, check: &str) -> &'a Value {
    list(findings).iter().find(|finding| finding["check"] == check).unwrap_or(&Value::Null)
}

async fn doctor(terminal: &CommandLine, args: &[&str]) -> Result<Value> {
    let ended = terminal.run(&[&["doctor", "--json"], args].concat()).await?;
    serde_json::from_str(&ended.stdout).map_err(|_| ended.unlike("findings"))
}

#[tokio::test]
async fn doctor_tells_a_clock_that_differs_from_the_servers() -> Result<()> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    assert_eq!(finding(&doctor(&terminal, &[]).await?, "clock")["ok"], true);

    let health = server.get("/health").send().await?.json_with_status(200)?;
    for (hours, how) in [(-1, "behind"), (1, "ahead of")] {
        let now: Timestamp = text(&health["time"]).parse().unwrap();
        let other = (now + SignedDuration::from_hours(hours)).to_string();
        let answer = Answer::new(200)
            .header("content-type", "application/json")
            .body(&with(&health, &json!({ "time": other })).to_string());
        let stub = FaultProxy::alone(Fault::Answer(answer)).await.unwrap();
        let findings = doctor(&terminal, &["--url", &stub.endpoint()]).await?;
        let clock = finding(&findings, "clock");
        assert_eq!(clock["ok"], false, "{findings}");
        for word in [how, "NTP", "RequestTimeTooSkewed"] {
            assert!(text(&clock["message"]).contains(word), "{word}: {clock}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn doctor_tells_a_provider_that_refuses_the_servers_clock() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let owner = server.owner().await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    online(&owner, &id).await?;
    assert_eq!(finding(&doctor(&terminal, &[]).await?, "provider clock")["ok"], true);

    let store = FaultProxy::alone(Fault::Answer(Answer::clock_skew())).await.unwrap();
    let elsewhere =
        with(&body, &json!({ "name": "Films", "endpoint": store.endpoint(), "skipValidation": true }));
    owner.register(&elsewhere).await?;
    let look = async || Ok(finding(&doctor(&terminal, &[]).await?, "provider clock").clone());
    let response = eventually("doctor reporting it", SOON, look, |response| response["ok"] == false).await?;
    for word in ["\"Films\"", "NTP"] {
        assert!(text(&response["message"]).contains(word), "{word}: {response}");
    }
    assert!(!text(&response["message"]).contains("Photos"), "{response}");
    Ok(())
}

/// Changes the database as if the clock had been two days ahead for a moment.
const AHEAD: [&str; 7] = [
    "UPDATE bucket_words SET at = at + 172800000000",
    "UPDATE day_records SET day = day + 2, last_at = last_at + 172800000000",
    "UPDATE nodes SET last_seen = last_seen + 172800000000",
    "UPDATE tokens SET expires_at = expires_at + 172800000000, last_used_at = last_used_at + 172800000000",
    "UPDATE refresh_tokens SET expires_at = expires_at + 172800000000",
    "UPDATE repository_keys SET last_used_at = last_used_at + 172800000000",
    "UPDATE usage_spools SET counted_at = counted_at + 172800000000",
];

const RUN: &str = r"
import json, sqlite3, sys
database = sqlite3.connect(f'{sys.argv[1]}/bucketry.db')
for statement in sys.argv[2:]:
    database.execute(statement)
database.commit()
print(json.dumps('done'))
";

/// Runs statements in the database of a stopped server.
async fn change(server: &Server, statements: &[&str]) -> Result<()> {
    if let Some(database) = server.database() {
        return query(database, &statements.join("; ")).await.map(drop);
    }
    let data_dir = server.data_dir().to_string_lossy();
    run_python(RUN, &[&[&*data_dir][..], statements].concat()).await.map(drop)
}

/// Waits until a shown time is no longer in the future.
async fn until_present(what: &str, look: impl AsyncFn() -> Result<Value>) -> Result<()> {
    let now = async || {
        let time: Timestamp = text(&look().await?).parse().unwrap_or(Timestamp::MAX);
        Ok((time.duration_since(present()).abs(), time))
    };
    eventually(what, SOON, now, |(off, _)| *off < SignedDuration::from_mins(1)).await.map(drop)
}

fn present() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or_default()
}

#[tokio::test]
async fn what_was_stored_of_the_future_does_not_win_over_the_present() -> Result<()> {
    let mut server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(&server, "Clocks", &[(&id, OPEN_BUCKET)]).await?;
    let path = format!("/{OPEN_BUCKET}/no-such-{}", std::process::id());
    let used = async |owner: &Person| {
        let repositories = owner.get("/repo").send().await?.json_with_status(200)?;
        let repo = text(&repositories["repos"][0]["id"]).to_owned();
        let keys = owner.get(&format!("/repo/{repo}/apikey")).send().await?.json_with_status(200)?;
        Ok(keys["keys"][0]["lastUsedAt"].clone())
    };
    online(&owner, &id).await?;
    access.signed(Method::GET, &path, SignedDuration::ZERO).send().await?;
    until_present("the key's use being shown", async || used(&owner).await).await?;
    let login = json!({ "email": bucketry_e2e::OWNER_EMAIL, "password": bucketry_e2e::OWNER_PASSWORD });
    let session = server.post("/user/login").json(&login).send().await?.json_with_status(200)?;
    server.terminate().await?;
    change(&server, &AHEAD).await?;

    // A last contact in the future doesn't keep a stopped node connected.
    let mut alone = options()?.data_dir(server.data_dir()).arg("--no-node");
    if let Some(database) = server.database() {
        alone = alone.env("BUCKETRY_DATABASE_URL", database);
    }
    let alone = Server::start(alone).await?;
    assert_eq!(alone.owner().await?.status_of(&id).await?, "DISCONNECTED");
    drop(alone);

    server.restart().await?;
    let owner = owner.again_at(&server);
    online(&owner, &id).await?;
    until_present("a current status", async || Ok(owner.bucket(&id).await?["lastStatusAt"].clone())).await?;
    let node_status = async || {
        let response = owner.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
        Ok(response["nodeStatus"][0]["lastUpdated"].clone())
    };
    until_present("the node's report no longer being in the future", node_status).await?;
    let access = bucketry_e2e::RepositoryAccess {
        endpoint: server.gateway().unwrap_or_default().to_owned(),
        ..access
    };
    access.signed(Method::GET, &path, SignedDuration::ZERO).send().await?;
    until_present("the key's use no longer being in the future", async || used(&owner).await).await?;
    // A session from that moment would otherwise outlive all others.
    let refresh = json!({ "refreshToken": session["refreshToken"] });
    let refused = server.post("/user/refresh").json(&refresh).send().await?;
    assert_eq!(refused.status, 401, "{}", refused.text());
    server.log_in().await?;
    Ok(())
}

/// The library of Debian's package `faketime`, which gives a process another clock. The tests don't install it.
fn faketime() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    found.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists())
}

#[tokio::test]
async fn a_clock_that_is_two_days_ahead_for_a_moment_freezes_nothing() -> Result<()> {
    let Some(library) = faketime() else {
        eprintln!("skipped: libfaketime is not installed (Debian package: faketime)");
        return Ok(());
    };
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let clock = dir.path().join("clock");
    let set = |text: &str| std::fs::write(&clock, text).map_err(Error::Files);
    set("+0")?;
    let options = options()?
        .env("BUCKETRY_PROBE_INTERVAL", "1")
        .env("LD_PRELOAD", &library.to_string_lossy())
        .env("FAKETIME_TIMESTAMP_FILE", &clock.to_string_lossy())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let server = Server::start(options).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    online(&owner, &id).await?;

    set("+2d")?;
    let offline = async || {
        let ahead = server.owner().await?;
        let bucket = ahead.bucket(&id).await?;
        eprintln!("two days ahead: {} {} {}", bucket["status"], bucket["lastError"], bucket["lastStatusAt"]);
        Ok(bucket["status"] == "OFFLINE")
    };
    eventually("the provider refusing the time", SOON, offline, |offline| *offline).await?;
    set("+0")?;
    let back = async || {
        let owner = server.owner().await?;
        let bucket = owner.bucket(&id).await?;
        eprintln!("back: {} {} {}", bucket["status"], bucket["lastError"], bucket["lastStatusAt"]);
        Ok(bucket["status"] == "ONLINE")
    };
    eventually("the bucket being ONLINE again", SOON, back, |online| *online).await?;
    until_present("a current status", async || {
        Ok(server.owner().await?.bucket(&id).await?["lastStatusAt"].clone())
    })
    .await
}
