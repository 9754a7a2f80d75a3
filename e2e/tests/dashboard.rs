//! The dashboard in a real browser: each page in both themes on a wide screen and a phone, and what people do with it.
//! Screenshots are in `target/dashboard`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options, Person, Result, Server, eventually, options,
    run_in_browser, s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);

/// Where screenshots are stored: `target/dashboard`.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join("dashboard")
}

fn probing_often() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1").env("BUCKETRY_FINDING_DELAY", "1"))
}

/// A server with a bucket that is up and has traffic, and one that is down. Returns the ids of both.
async fn with_buckets(server: &Server) -> Result<(String, String)> {
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    let endpoint = shared_s3_endpoint()?;
    let up = owner.register(&s3_bucket("product-images", OPEN_BUCKET, &endpoint, &workspace)).await?;
    let broken = with(
        &s3_bucket("media-archive", OPEN_BUCKET, "http://127.0.0.1:9", &workspace),
        &json!({ "skipValidation": true }),
    );
    let down = owner.register(&broken).await?;
    until(&owner, &up, "ONLINE").await?;
    until(&owner, &down, "OFFLINE").await?;
    owner.repository_access(server, "Streaming", &[(&up, OPEN_BUCKET)]).await?;
    owner.post(&format!("/bucket/{up}/validate"), &json!({})).send().await?;
    Ok((up, down))
}

async fn until(owner: &Person, id: &str, status: &str) -> Result<()> {
    let what = format!("the bucket being {status}");
    eventually(&what, SOON, async || owner.status_of(id).await, |seen| seen == status).await.map(drop)
}

/// The findings of a journey. It has none if everything is right.
fn findings(report: &Value) -> Vec<&str> {
    report["findings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn every_page_is_accessible_silent_and_small() -> Result<()> {
    let server = Server::start(probing_often()?).await?;
    let (up, down) = with_buckets(&server).await?;
    let begun = server.owner().await?.post(&format!("/bucket/{down}/validation"), &json!({})).send().await?;
    let validation = begun.json_with_status(200)?["validationId"].clone();
    let pages = json!({
        "overview": "/ui",
        "buckets": "/ui/buckets",
        "nothing-found": "/ui/buckets?q=nothing",
        "add-bucket": "/ui/buckets/add",
        "bucket": format!("/ui/buckets/{up}"),
        "bucket-offline": format!("/ui/buckets/{down}"),
        "bucket-connect": format!("/ui/buckets/{up}/connect"),
        "bucket-activity": format!("/ui/buckets/{up}/activity"),
        "bucket-inventory": format!("/ui/buckets/{up}/inventory"),
        "bucket-checks": format!("/ui/buckets/{down}/check/{}", text(&validation)),
        "bucket-settings": format!("/ui/buckets/{up}/settings"),
        "settings": "/ui/settings",
        "password": "/ui/password",
    });
    let variables = [
        ("URL_OF_SERVER", server.api().to_owned()),
        ("EMAIL", OWNER_EMAIL.to_owned()),
        ("PASSWORD", OWNER_PASSWORD.to_owned()),
        ("OUT", screenshots().to_string_lossy().into_owned()),
        ("PAGES", pages.to_string()),
    ];
    let Some(report) = run_in_browser("pages.mjs", &variables).await? else { return Ok(()) };
    eprintln!("{report:#}");
    assert_eq!(findings(&report), Vec::<&str>::new());
    Ok(())
}

#[tokio::test]
async fn people_do_in_a_browser_what_they_came_for() -> Result<()> {
    let server = Server::start(probing_often()?).await?;
    with_buckets(&server).await?;
    let paste = format!(
        "s3://{OPEN_BUCKET}\nAWS_ENDPOINT_URL={}\nAWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}",
        shared_s3_endpoint()?,
        ADMIN.key,
        ADMIN.secret
    );
    let variables = [
        ("URL_OF_SERVER", server.api().to_owned()),
        ("EMAIL", OWNER_EMAIL.to_owned()),
        ("PASSWORD", OWNER_PASSWORD.to_owned()),
        ("OUT", screenshots().to_string_lossy().into_owned()),
        ("PASTE", paste),
        ("BUCKET", "media-archive".to_owned()),
    ];
    let Some(report) = run_in_browser("journeys.mjs", &variables).await? else { return Ok(()) };
    eprintln!("{report:#}");
    assert_eq!(findings(&report), Vec::<&str>::new());
    Ok(())
}
