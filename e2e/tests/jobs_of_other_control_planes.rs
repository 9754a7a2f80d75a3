//! Jobs for a node that is connected to another control plane on the same PostgreSQL database.

use std::time::Duration;

use bucketry_e2e::{
    Error, OPEN_BUCKET, Options, Person, Result, Server, eventually, list, needs_one_control_plane,
    new_database, options, query, s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_faults::{Fault, FaultProxy};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(30);

/// Two servers on one database. Only the first has a node.
struct TwoServers {
    database: String,
    _running: [Server; 2],
    /// The owner at each.
    here: Person,
    there: Person,
    _dir: TempDir,
}

async fn server_on(database: &str, options: Options) -> Result<Server> {
    Server::start(options.env("BUCKETRY_DATABASE_URL", database).env("BUCKETRY_PROBE_INTERVAL", "1")).await
}

async fn two_servers() -> Result<TwoServers> {
    let database = new_database().await?;
    let first = server_on(&database, options()?).await?;
    let dir = tempfile::tempdir().map_err(Error::Files)?;
    let data = dir.path().join("data");
    std::fs::create_dir(&data).map_err(Error::Files)?;
    // Both servers have the same keys, so each accepts tokens of the other.
    std::fs::copy(first.data_dir().join("token.key"), data.join("token.key")).map_err(Error::Files)?;
    let second = server_on(&database, options()?.data_dir(&data).arg("--no-node")).await?;
    let here = first.owner().await?;
    let there = here.again_at(&second);
    Ok(TwoServers { database, _running: [first, second], here, there, _dir: dir })
}

impl TwoServers {
    async fn bucket(&self, name: &str, endpoint: &str) -> Result<Value> {
        Ok(s3_bucket(name, OPEN_BUCKET, endpoint, &self.here.workspace().await?))
    }
}

fn state(answer: &Value, name: &str) -> String {
    let found = list(&answer["checks"]).iter().find(|check| check["name"] == name);
    found.map(|check| text(&check["state"]).to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_validation_runs_at_the_node_of_another_control_plane_and_is_followed_there() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let servers = two_servers().await?;
    let there = &servers.there;
    // Registered at the server without a node, with all checks.
    let id = there.register(&servers.bucket("Photos", &shared_s3_endpoint()?).await?).await?;
    let validated = there.post(&format!("/bucket/{id}/validate"), &json!({})).send().await?;
    assert_eq!(validated.json_with_status(200)?["status"], "ONLINE");

    let address = shared_s3_endpoint()?.trim_start_matches("http://").parse().unwrap();
    let store = FaultProxy::start(address).await.unwrap();
    let slow = with(&servers.bucket("Slow", &store.endpoint()).await?, &json!({ "skipValidation": true }));
    let id = there.register(&slow).await?;
    store.set(Fault::HoldRequest);
    let begun = there.post(&format!("/bucket/{id}/validation"), &json!({})).send().await?;
    let path = format!("/bucket/{id}/validation/{}", text(&begun.json_with_status(200)?["validationId"]));
    let look = async || there.get(&path).send().await?.json_with_status(200);
    let is_held = |seen: &Value| state(seen, "authenticate") == "IN_PROGRESS";
    let seen = eventually("the key being checked", SOON, look, is_held).await?;
    assert_eq!((state(&seen, "connect"), &seen["done"]), ("PASSED".to_owned(), &json!(false)), "{seen}");
    // Behind a load balancer, the next request may reach the other server.
    let look = async || servers.here.get(&path).send().await?.json_with_status(200);
    eventually("the other server showing it", SOON, look, is_held).await?;
    store.healthy();
    let look = async || there.get(&path).send().await?.json_with_status(200);
    let ended = eventually("the end", SOON, look, |seen| seen["done"] == true).await?;
    assert_eq!((&ended["status"], state(&ended, "delete")), (&json!("ONLINE"), "PASSED".to_owned()));

    let look = async || servers.here.get(&format!("{path}?after=0")).send().await?.json_with_status(200);
    let shown =
        eventually("the other server showing the end", SOON, look, |seen| seen["done"] == true).await?;
    assert_eq!((&shown["status"], &shown["checks"]), (&ended["status"], &ended["checks"]));

    // Nobody waits for any of them any more.
    let look = async || query(&servers.database, "SELECT count(*) FROM jobs").await;
    eventually("no job being stored", SOON, look, |count| count == "0").await?;
    Ok(())
}

#[tokio::test]
async fn keys_are_rotated_by_a_control_plane_without_a_node() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let servers = two_servers().await?;
    let id = servers.there.register(&servers.bucket("Photos", &shared_s3_endpoint()?).await?).await?;
    let sealed = format!("SELECT sealed_to FROM buckets WHERE id = '{id}'");
    let before = query(&servers.database, &sealed).await?;
    let started = servers.there.call(Method::POST, "/vault/rotation").send().await?;
    assert!(started.status < 300, "{started:?}");
    let look = async || servers.there.get("/vault/rotation").send().await?.json_with_status(200);
    let ended = |answer: &Value| answer["rotation"]["finishedAt"].is_string();
    let rotation = eventually("the rotation's end", SOON, look, ended).await?;
    assert_eq!(rotation["rotation"]["failed"], 0, "{rotation}");
    assert_ne!(query(&servers.database, &sealed).await?, before);
    let validated = servers.there.post(&format!("/bucket/{id}/validate"), &json!({})).send().await?;
    assert_eq!(validated.json_with_status(200)?["status"], "ONLINE");
    Ok(())
}

#[tokio::test]
async fn control_planes_find_each_others_jobs_while_none_can_listen() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let servers = two_servers().await?;
    let id = servers.there.register(&servers.bucket("Photos", &shared_s3_endpoint()?).await?).await?;
    // The channel's messages are lost as soon as somebody listens.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND query LIKE 'LISTEN%'";
    for _ in 0..3 {
        query(&servers.database, cut).await?;
        let validated = servers.there.post(&format!("/bucket/{id}/validate"), &json!({})).send().await?;
        assert_eq!(validated.json_with_status(200)?["status"], "ONLINE");
    }
    Ok(())
}
