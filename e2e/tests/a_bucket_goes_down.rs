//! A storage server goes down and comes back, and so does the node: status and reason show everywhere.

use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Person, Result, SeaweedFs, Server, eventually, list, options, query, run_python,
    s3_bucket, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

fn probing_often() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1"))
}

async fn until(owner: &Person, id: &str, status: &str) -> Result<()> {
    let what = format!("the bucket being {status}");
    eventually(&what, SOON, async || owner.status_of(id).await, |seen| seen == status).await.map(drop)
}

/// The node's status of a bucket, and its record of the day.
async fn told_by_node(owner: &Person, id: &str) -> Result<(Value, Value)> {
    let status = owner.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
    let node = status["nodeStatus"][0].clone();
    let day = json!({ "day": node["lastUpdated"] });
    let day = owner.post(&format!("/bucket/{id}/stats"), &day).send().await?.json_with_status(200)?;
    Ok((node, day["nodeStats"][0].clone()))
}

async fn metrics(server: &Server) -> Result<String> {
    Ok(server.get("/metrics").send().await?.text())
}

#[tokio::test]
async fn a_storage_server_goes_away_and_comes_back() -> Result<()> {
    let (mut store, server) = (SeaweedFs::start().await?, Server::start(probing_often()?).await?);
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    until(&owner, &id, "ONLINE").await?;
    // The validation is the first report. The node's first probe decides alone, so it must not meet the outage.
    let look = async || told_by_node(&owner, &id).await;
    eventually("the node's own probe", SOON, look, |(_, day)| day["probes"].as_u64() >= Some(2)).await?;

    store.stop().await?;
    until(&owner, &id, "OFFLINE").await?;
    let (node, day) = told_by_node(&owner, &id).await?;
    assert_eq!(node["status"], "OFFLINE");
    assert_eq!(day["node_status"], "OFFLINE");
    assert_eq!(day["last_error"]["error_code"], "CONNECTION_REFUSED", "{day}");
    assert!(text(&day["last_error"]["message"]).contains(' '), "the reason is a sentence: {day}");
    assert!(day["failures"].as_u64() >= Some(2), "a single failure doesn't change the status: {day}");
    assert!(owner.bucket(&id).await?["latency_ms"].is_null(), "an unreachable bucket has no latency");
    let offline = r#"bucketry_node_buckets{node="embedded",status="OFFLINE"} 1"#;
    eventually("metrics showing it", SOON, async || metrics(&server).await, |text| text.contains(offline))
        .await?;

    store.start_again().await?;
    until(&owner, &id, "ONLINE").await?;
    let look = async || told_by_node(&owner, &id).await;
    let (_, day) =
        eventually("the day's record", SOON, look, |(_, day)| day["node_status"] == "ONLINE").await?;
    let uptime = day["perc_uptime"].as_f64().unwrap();
    assert!(uptime > 0.0 && uptime < 100.0, "{day}");
    assert_eq!(
        day["last_error"]["error_code"], "CONNECTION_REFUSED",
        "the day retains its last error: {day}"
    );
    Ok(())
}

#[tokio::test]
async fn requests_tell_an_outage_and_its_end_long_before_the_next_probe() -> Result<()> {
    let hourly = options()?.env("BUCKETRY_PROBE_INTERVAL", "3600");
    let (mut store, server) = (SeaweedFs::start().await?, Server::start(hourly).await?);
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let access = owner.repository_access(&server, "Media", &[(&id, OPEN_BUCKET)]).await?;
    let put = async || Ok(access.object(Method::PUT, "a").raw("text/plain", "a").send().await?.status);
    eventually("an object being stored", SOON, put, |status| *status == 200).await?;
    until(&owner, &id, "ONLINE").await?;

    store.stop().await?;
    // An application keeps sending requests.
    let asked = async || {
        let response = access.object(Method::GET, "a").send().await?;
        Ok((response.status, told_by_node(&owner, &id).await?.0))
    };
    let (status, node) =
        eventually("the outage showing", SOON, asked, |(_, node)| node["status"] == "OFFLINE").await?;
    assert_eq!(status, 503);
    assert_eq!(node["lastError"], "CONNECTION_REFUSED", "{node}");
    assert!(text(&node["statusReason"]).contains(' '), "the reason is a sentence: {node}");
    assert_eq!(owner.status_of(&id).await?, "OFFLINE");
    // Waits for the last probe that failing requests cause; the next regular probe is an hour away.
    let response = async || Ok(told_by_node(&owner, &id).await?.0["lastUpdated"].clone());
    eventually("a last failing probe", SOON, response, |at| *at != node["lastUpdated"]).await?;

    store.start_again().await?;
    // The circuit breaker refuses requests for some seconds. The first request that succeeds causes a probe.
    let served = async || Ok(access.object(Method::GET, "a").send().await?.status);
    eventually("a request being served", SOON, served, |status| *status == 200).await?;
    until(&owner, &id, "ONLINE").await?;
    let (node, _) = told_by_node(&owner, &id).await?;
    assert!(node["lastError"].is_null(), "{node}");
    Ok(())
}

#[tokio::test]
async fn a_bucket_that_is_deleted_at_its_provider_goes_offline_alone() -> Result<()> {
    let (mut store, server) = (SeaweedFs::start().await?, Server::start(probing_often()?).await?);
    store.create_bucket("doomed").await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Stays", OPEN_BUCKET, store.endpoint(), &owner.workspace().await?);
    let stays = owner.register(&body).await?;
    let doomed = owner.register(&with(&body, &json!({ "name": "Doomed", "bucket": "doomed" }))).await?;
    until(&owner, &doomed, "ONLINE").await?;

    delete_bucket(store.endpoint(), "doomed").await?;
    until(&owner, &doomed, "OFFLINE").await?;
    let (_, day) = told_by_node(&owner, &doomed).await?;
    assert_eq!(day["last_error"]["error_code"], "BUCKET_NOT_FOUND", "{day}");
    assert_eq!(owner.status_of(&stays).await?, "ONLINE");
    Ok(())
}

async fn delete_bucket(endpoint: &str, name: &str) -> Result<()> {
    const SCRIPT: &str = r"
import boto3, json, sys
endpoint, name, key, secret = sys.argv[1:]
client = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1',
                      aws_access_key_id=key, aws_secret_access_key=secret)
for object in client.list_objects_v2(Bucket=name).get('Contents', []):
    client.delete_object(Bucket=name, Key=object['Key'])
client.delete_bucket(Bucket=name)
print(json.dumps('deleted'))
";
    let admin = bucketry_e2e::ADMIN;
    run_python(SCRIPT, &[endpoint, name, admin.key, admin.secret]).await.map(drop)
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
async fn buckets_of_a_silent_node_are_disconnected_until_it_is_back() -> Result<()> {
    let mut server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    until(&owner, &id, "ONLINE").await?;
    assert_eq!(server.get("/ready").send().await?.status, 200);
    server.terminate().await?;
    let data_dir = server.data_dir().to_owned();
    let mut beside = probing_often()?.data_dir(&data_dir).arg("--no-node");
    if let Some(database) = server.database() {
        query(database, "UPDATE nodes SET last_seen = last_seen - 61000000").await?;
        beside = beside.env("BUCKETRY_DATABASE_URL", database);
    } else {
        run_python(LONG_SILENCE, &[&data_dir.to_string_lossy()]).await?;
    }

    let alone = Server::start(beside).await?;
    let without_node = owner.again_at(&alone);
    until(&without_node, &id, "DISCONNECTED").await?;
    let (node, day) = told_by_node(&without_node, &id).await?;
    assert_eq!((&node["status"], &day["node_status"]), (&json!("DISCONNECTED"), &json!("DISCONNECTED")));
    let ready = alone.get("/ready").send().await?.json_with_status(503)?;
    assert_eq!((&ready["database"], &ready["node"]), (&json!(true), &json!(false)));
    assert_eq!(
        alone.get("/health").send().await?.status,
        200,
        "the process is alive although it isn't ready"
    );

    let new = with(&body, &json!({ "name": "New" }));
    let validation = without_node.call(Method::POST, &format!("/bucket/{id}/validate"));
    for refused in [without_node.post("/bucket", &new).send().await?, validation.send().await?] {
        let response = refused.json_with_status(503)?;
        assert_eq!(response["error_code"], "NO_NODE_ONLINE", "{response}");
        assert!(text(&response["message"]).contains("node"), "{response}");
    }
    let unchecked = without_node.register(&with(&new, &json!({ "skipValidation": true }))).await?;
    assert_eq!(without_node.status_of(&unchecked).await?, "DISCONNECTED");
    let status =
        without_node.get(&format!("/bucket/{unchecked}/status")).send().await?.json_with_status(200)?;
    assert!(list(&status["nodeStatus"]).is_empty(), "no node has ever probed it: {status}");

    drop(alone);
    server.restart().await?;
    let owner = owner.again_at(&server);
    until(&owner, &id, "ONLINE").await?;
    until(&owner, &unchecked, "ONLINE").await?;
    Ok(())
}
