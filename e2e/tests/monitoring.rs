//! What an operator's monitoring gets: metrics in valid formats, alerts and a dashboard that fit them, and traces.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bucketry_e2e::{
    Call, OPEN_BUCKET, Options, Person, RepositoryAccess, Result, Server, eventually, list, options,
    run_python, s3_bucket, shared_s3_endpoint,
};
use http::Method;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(30);
const CHECK_FILES: &str = include_str!("monitoring/check_files.py");
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// A program that `cargo xtask test` finds only on some machines. It counts the skipped tests.
fn optional(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

fn file_of_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn probing_often() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1"))
}

/// Registers a bucket with an awkward name, sends it a request, and waits until metrics show both.
async fn used_bucket(server: &Server, owner: &Person) -> Result<RepositoryAccess> {
    let name = r#"Photos "2026" \ Ümlaut"#;
    let body = s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(server, "Monitored", &[(&id, OPEN_BUCKET)]).await?;
    let put = access.object(Method::PUT, "monitored.txt").raw("text/plain", "hello").send().await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let shown = |metrics: &String| {
        metrics.contains("bucketry_bucket_latency_seconds{")
            && metrics.contains(r#"bucketry_provider_requests_total{provider="OTHER",status="2xx"}"#)
    };
    eventually("metrics of the bucket", SOON, async || metrics(server, "*/*").await, shown).await?;
    Ok(access)
}

async fn metrics(server: &Server, accept: &str) -> Result<String> {
    let answer = server.get("/metrics").header("accept", accept).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Ok(answer.text())
}

/// Runs `promtool` with an input. Returns what it printed, and whether it succeeded.
async fn promtool(program: &Path, args: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(args).current_dir(file_of_repository("deploy/prometheus"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut running = command.spawn().unwrap();
    running.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let ended = running.wait_with_output().await.unwrap();
    let printed = [ended.stdout, ended.stderr].concat();
    (ended.status.success(), String::from_utf8_lossy(&printed).into_owned())
}

#[tokio::test]
async fn metrics_are_valid_and_have_what_the_dashboard_and_the_alerts_query() -> Result<()> {
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    used_bucket(&server, &owner).await?;
    let (plain, open) = (metrics(&server, "*/*").await?, metrics(&server, OPEN_METRICS).await?);
    assert!(plain.contains(r#"bucketry_bucket_up{bucket="Photos \"2026\" \\ Ümlaut","#), "{plain}");

    let dir = tempfile::tempdir().unwrap();
    let (plain_file, open_file) = (dir.path().join("plain"), dir.path().join("open"));
    std::fs::write(&plain_file, &plain).unwrap();
    std::fs::write(&open_file, &open).unwrap();
    let files = [
        plain_file,
        open_file,
        file_of_repository("deploy/grafana/bucketry.json"),
        file_of_repository("deploy/prometheus/alerts.yml"),
    ];
    let files = files.map(|file| file.to_string_lossy().into_owned());
    let checked = run_python(CHECK_FILES, &files.each_ref().map(String::as_str)).await?;
    assert_eq!(list(&checked["problems"]), [] as [Value; 0], "{checked}");
    assert!(checked["samples"].as_u64() > Some(100) && checked["alerts"].as_u64() > Some(10), "{checked}");
    assert!(checked["queries"].is_null() || checked["queries"].as_u64() > Some(20), "{checked}");

    if let Some(program) = optional("BUCKETRY_TEST_PROMTOOL") {
        let (is_valid, printed) = promtool(&program, &["check", "metrics"], &plain).await;
        assert!(is_valid && printed.trim().is_empty(), "{printed}");
    }
    Ok(())
}

#[tokio::test]
async fn an_outage_raises_alerts_and_a_flap_does_not() {
    let Some(program) = optional("BUCKETRY_TEST_PROMTOOL") else { return };
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let (is_right, printed) = promtool(&program, &args, "").await;
        assert!(is_right, "promtool {}: {printed}", args.join(" "));
    }
    // Every alert has a test that expects it.
    let read =
        |file: &str| std::fs::read_to_string(file_of_repository("deploy/prometheus").join(file)).unwrap();
    let tests = read("alerts_test.yml");
    let untested: Vec<_> = read("alerts.yml")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: ").map(str::to_owned))
        .filter(|alert| !tests.contains(&format!("alertname: {alert}\n        exp_alerts:")))
        .collect();
    assert_eq!(untested, ["BucketryBucketSlow", "BucketryBucketMetricsIncomplete", "BucketryApiErrors"]);
}

#[tokio::test]
async fn an_outage_of_a_bucket_shows_in_metrics_within_seconds() -> Result<()> {
    let mut store = bucketry_e2e::SeaweedFs::start().await?;
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    owner.register(&body).await?;
    let up = async || {
        let text = metrics(&server, "*/*").await?;
        let line = text.lines().find(|line| line.starts_with("bucketry_bucket_up{")).map(str::to_owned);
        Ok(line.and_then(|line| line.rsplit(' ').next().map(str::to_owned)).unwrap_or_default())
    };
    eventually("the bucket being up", SOON, up, |value: &String| value == "1").await?;
    store.stop().await?;
    eventually("the bucket being down", SOON, up, |value: &String| value == "0").await?;
    store.start_again().await?;
    eventually("the bucket being up again", SOON, up, |value: &String| value == "1").await?;
    Ok(())
}

#[tokio::test]
async fn metrics_have_their_own_address_and_a_token() -> Result<()> {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "a-token-for-metrics\n").unwrap();
    let options = options()?
        .env("BUCKETRY_METRICS_LISTEN", "127.0.0.1:0")
        .env("BUCKETRY_METRICS_TOKEN_FILE", &token.to_string_lossy());
    let server = Server::start(options).await?;
    assert_eq!(server.get("/metrics").send().await?.status, 404);
    let address = server
        .log()
        .lines()
        .find_map(|line| line.split("metrics=").nth(1).map(|url| url.trim().to_owned()))
        .unwrap();
    let get = |path: &str| Call::new(Method::GET, &address, path);
    assert_eq!(get("/metrics").send().await?.status, 401);
    let served = get("/metrics").token("a-token-for-metrics").send().await?;
    assert!(served.status == 200 && served.text().contains("bucketry_bucket_metrics_incomplete 0"));
    assert_eq!((get("/ready").send().await?.status, get("/bucket").send().await?.status), (200, 404));
    Ok(())
}
