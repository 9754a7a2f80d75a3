//! All statistics agree with what a client sent, read and left behind, at every kind of provider.

use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Person, Result, Server, azure_bucket, eventually, gcs_bucket, list, options,
    s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn traffic_to_an_s3_server_is_told_exactly() -> Result<()> {
    let (server, owner) = deployment(options()?).await?;
    let body = s3_bucket("Metered", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    told_exactly(&server, &owner, &body, &[]).await
}

#[tokio::test]
async fn traffic_to_an_azure_container_is_told_exactly() -> Result<()> {
    let (server, owner) = deployment(options()?).await?;
    let body = azure_bucket("Metered", "metered", &owner.workspace().await?).await?;
    told_exactly(&server, &owner, &body, &[]).await
}

#[tokio::test]
async fn traffic_to_a_bucket_at_google_is_told_exactly() -> Result<()> {
    let (server, owner) = deployment(options()?).await?;
    let body = gcs_bucket("Metered", "metered", &owner.workspace().await?).await?;
    told_exactly(&server, &owner, &body, &["without multipart"]).await
}

async fn deployment(options: Options) -> Result<(Server, Person)> {
    let server = Server::start(options).await?;
    let owner = server.owner().await?;
    Ok((server, owner))
}

async fn told_exactly(server: &Server, owner: &Person, body: &Value, without: &[&str]) -> Result<()> {
    let bucket = owner.register(body).await?;
    let other = owner.register(&with(body, &json!({ "name": "Other" }))).await?;
    let folder = format!("metered-{}", std::process::id());
    let place = json!([{ "bucketId": bucket, "folder": folder, "master": false }]);
    let fields = json!({ "name": "Metered", "repoBuckets": place });
    let access = owner.open_repository(server, &fields, text(&body["bucket"])).await?;
    let sent = access.run_script("metered_operations.py", without).await?;
    let figure = |name: &str| sent[name].as_i64().unwrap_or(-1);
    assert!(figure("errors") >= 3 && figure("stored") > 5_000_000, "{sent}");

    let totals = json!({
        "totalUploadBytes": figure("uploaded").to_string(),
        "totalDownloadBytes": figure("downloaded").to_string(),
        "totalSizeChange": figure("stored").to_string(),
    });
    let counted = with(&totals, &json!({ "totalCount": figure("requests").to_string() }));
    let path = format!("/bucket/stats?bucketId={bucket},{other}");
    let look = async || Ok(stats(owner, &path).await?[0].clone());
    let all = |response: &Value| response["totalCount"] == counted["totalCount"];
    let response = eventually("all requests being counted", SOON, look, all).await?;
    assert_eq!(response, with(&counted, &json!({ "bucketId": bucket })), "what was sent: {sent}");

    assert_eq!(stats(owner, &path).await?[1]["totalCount"], "0", "the other one was not used");
    let unit = stats(owner, &format!("/unit/stats?unitId={bucket}")).await?;
    assert_eq!(unit, json!([with(&counted, &json!({ "unitId": bucket }))]));
    let repository = stats(owner, &format!("/repo/stats?repoId={}", access.repository)).await?;
    assert_eq!(repository, json!([with(&totals, &json!({ "repoId": access.repository }))]));

    for path in ["/stats/minute", "/stats/daily"] {
        for filter in [
            format!("bucketId={bucket}"),
            format!("repoId={}", access.repository),
            "hosts=embedded".to_owned(),
        ] {
            let response = owner.get(&format!("{path}?{filter}")).send().await?.json_with_status(200)?;
            added_up(&response["data"], &sent, &bucket, &access.repository);
        }
        let elsewhere = owner.get(&format!("{path}?bucketId={other}")).send().await?.json_with_status(200)?;
        assert!(list(&elsewhere["data"]).is_empty(), "{elsewhere}");
    }
    let workspace = owner.workspace().await?;
    let hours =
        owner.get(&format!("/stats/hourly?workspaceId={workspace}")).send().await?.json_with_status(200)?;
    sums_are(&hours["data"], &sent);
    counted_at_the_provider(owner, &bucket, &folder, figure("stored")).await?;
    healthy_day(owner, &bucket).await
}

/// Asserts that a walk through the bucket's list finds what the gateway's traffic has left behind.
async fn counted_at_the_provider(owner: &Person, bucket: &str, folder: &str, stored: i64) -> Result<()> {
    let path = format!("/bucket/{bucket}/inventory");
    owner.post(&path, &json!({})).send().await?.json_with_status(200)?;
    let look = async || owner.get(&path).send().await?.json_with_status(200);
    let view = eventually("an inventory", SOON, look, |view| !list(&view["results"]).is_empty()).await?;
    let result = &view["results"][0];
    let prefix = format!("{folder}/");
    let largest = list(&result["largestPrefixes"]);
    if let Some(found) = largest.iter().find(|one| one["prefix"] == *prefix) {
        assert_eq!(found["bytes"], stored.to_string(), "{view}");
    } else {
        // Other tests store more below their prefixes of the shared bucket.
        let is_larger = |one: &Value| text(&one["bytes"]).parse::<i64>().is_ok_and(|bytes| bytes >= stored);
        assert!(largest.len() == 20 && largest.iter().all(is_larger), "{view}");
    }
    assert_eq!(view["current"]["storedBytes"], result["storedBytes"], "{view}");
    assert_eq!(view["current"]["source"], "MEASURED", "{view}");
    Ok(())
}

async fn stats(owner: &Person, path: &str) -> Result<Value> {
    Ok(owner.get(path).send().await?.json_with_status(200)?["stats"].clone())
}

/// Asserts that the entries of minutes or days belong to the bucket and add up to what was sent.
fn added_up(data: &Value, sent: &Value, bucket: &str, repository: &str) {
    sums_are(data, sent);
    for entry in list(data) {
        let named = (text(&entry["bucketId"]), text(&entry["unitId"]), text(&entry["repoId"]));
        assert_eq!(named, (bucket, bucket, repository));
    }
}

fn sums_are(data: &Value, sent: &Value) {
    let entries = list(data);
    let sum = |member: &str| -> i64 {
        let figure = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        entries.iter().map(|entry| figure(&entry[member]).unwrap_or_default()).sum()
    };
    for (member, figure) in [
        ("requests", "requests"),
        ("errors", "errors"),
        ("reads", "reads"),
        ("writes", "writes"),
        ("lists", "lists"),
        ("upl_bytes", "uploaded"),
        ("dwl_bytes", "downloaded"),
        ("size_change", "stored"),
    ] {
        assert_eq!(Some(sum(member)), sent[figure].as_i64(), "{member}: {data}");
    }
    assert_eq!(sum("provider_errors"), 0, "{data}");
    for entry in entries {
        assert_eq!(entry["host"], "embedded");
        assert!(entry["timestamp"].as_i64() > Some(0) && entry["latency_ms"].is_number(), "{entry}");
    }
}

/// Asserts that a refused request doesn't count as an outage of the bucket.
async fn healthy_day(owner: &Person, bucket: &str) -> Result<()> {
    let status = owner.get(&format!("/bucket/{bucket}/status")).send().await?.json_with_status(200)?;
    let day = json!({ "day": status["nodeStatus"][0]["lastUpdated"] });
    let response =
        owner.post(&format!("/bucket/{bucket}/stats"), &day).send().await?.json_with_status(200)?;
    let node = &response["nodeStats"][0];
    assert_eq!((&node["node_status"], &node["failures"]), (&json!("ONLINE"), &json!(0)), "{response}");
    assert_eq!(node["perc_uptime"].as_f64(), Some(100.0), "{response}");
    let hours =
        owner.get(&format!("/stats/nodes/hourly?bucketId={bucket}")).send().await?.json_with_status(200)?;
    let hours = list(&hours["data"][0]["hours"]);
    let probes: i64 = hours.iter().filter_map(|hour| hour["probes"].as_i64()).sum();
    assert!(probes > 0 && hours.iter().all(|hour| hour["failures"] == 0), "{hours:?}");
    Ok(())
}
