//! The same product on PostgreSQL: the main journey, and what only a database server can do to it.

use std::time::Duration;

use bucketry_e2e::{
    OPEN_BUCKET, Options, Person, Postgres, Result, Server, eventually, new_database, options, s3_bucket,
    shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A server whose registry is in that database.
async fn server_on(database: &str, options: Options) -> Result<Server> {
    Server::start(options.env("BUCKETRY_DATABASE_URL", database).env("BUCKETRY_PROBE_INTERVAL", "1")).await
}

async fn bucket_of(owner: &Person, name: &str) -> Result<Value> {
    Ok(s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?))
}

fn unvalidated(body: &Value) -> Value {
    with(body, &json!({ "skipValidation": true }))
}

#[tokio::test]
async fn a_bucket_is_registered_seen_measured_changed_and_removed() -> Result<()> {
    let mut server = server_on(&new_database().await?, options()?).await?;
    let owner = server.owner().await?;
    let body = bucket_of(&owner, "Holiday photos").await?;
    let id = owner.register(&body).await?;

    let look = async || owner.bucket(&id).await;
    let bucket = eventually("the bucket being ONLINE", SOON, look, |one| one["status"] == "ONLINE").await?;
    assert_eq!((&bucket["name"], &bucket["hasSecret"]), (&json!("Holiday photos"), &json!(true)));
    let validated = owner.post(&format!("/bucket/{id}/validate"), &json!({})).send().await?;
    validated.json_with_status(200)?;
    let status = owner.get(&format!("/bucket/{id}/status")).send().await?.json_with_status(200)?;
    assert_eq!(status["nodeStatus"][0]["status"], "ONLINE", "{status}");
    let day = json!({ "day": bucket["lastStatusAt"] });
    let stats = owner.post(&format!("/bucket/{id}/stats"), &day).send().await?.json_with_status(200)?;
    assert_eq!(stats["nodeStats"][0]["node_status"], "ONLINE", "{stats}");
    let totals = owner.get("/bucket/stats").send().await?.json_with_status(200)?;
    assert!(totals.to_string().contains(&id), "{totals}");

    let again = owner.post("/bucket", &with(&body, &json!({ "name": "HOLIDAY photos" }))).send().await?;
    assert_eq!(again.json_with_status(400)?["error_code"], "NAME_ALREADY_USED");

    // What was stored is there after a crash.
    server.kill_hard().await?;
    server.restart().await?;
    let owner = owner.again_at(&server);
    let renamed = owner.put(&format!("/bucket/{id}"), &json!({ "name": "Snow" })).send().await?;
    renamed.json_with_status(200)?;
    assert_eq!(owner.bucket(&id).await?["name"], "Snow");
    owner.delete(&format!("/bucket/{id}")).send().await?.json_with_status(200)?;
    assert!(owner.buckets().await?.is_empty());

    // The data directory holds keys and counts, and no registry.
    assert!(!server.data_dir().join("bucketry.db").exists());
    assert_eq!(server.terminate().await?.and_then(|status| status.code()), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_restarted_database_server_is_waited_out() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    let database = postgres.create_database("registry").await?;
    let server = server_on(&database, options()?).await?;
    let owner = server.owner().await?;
    let body = unvalidated(&bucket_of(&owner, "before").await?);
    let before = owner.register(&body).await?;

    postgres.stop().await?;
    let refused = owner.post("/bucket", &with(&body, &json!({ "name": "during" }))).send().await?;
    assert_eq!(refused.json_with_status(503)?["error_code"], "STORAGE_UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
    let ready = server.get("/ready").send().await?.json_with_status(503)?;
    assert_eq!(ready["database"], false, "{ready}");

    postgres.start_again().await?;
    let named = with(&body, &json!({ "name": "after" }));
    let again = async || owner.post("/bucket", &named).send().await;
    eventually("writes being taken again", SOON, again, |answer| answer.status == 200).await?;
    let names: Vec<Value> = owner.buckets().await?.iter().map(|bucket| bucket["name"].clone()).collect();
    assert!(names.contains(&json!("before")) && names.contains(&json!("after")), "{names:?}");
    assert_eq!(owner.bucket(&before).await?["id"], json!(before));
    Ok(())
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_when_the_database_restarts_under_load() -> Result<()> {
    let mut postgres = Postgres::start().await?;
    let database = postgres.create_database("registry").await?;
    let server = server_on(&database, options()?).await?;
    let owner = server.owner().await?;
    let body = unvalidated(&bucket_of(&owner, "load").await?);

    let writing = async {
        let (mut kept, mut refused, mut recovered) = (Vec::new(), 0, 0);
        for number in 0.. {
            let named = with(&body, &json!({ "name": format!("load {number}") }));
            let answer = owner.post("/bucket", &named).send().await?;
            match answer.status {
                200 => {
                    kept.push(text(&answer.json()?["bucketId"]).to_owned());
                    recovered += usize::from(refused > 0);
                }
                503 => refused += 1,
                _ => return Err(answer.unlike("200 or 503")),
            }
            if recovered > 20 {
                break;
            }
        }
        Ok(kept)
    };
    let restarting = async {
        let look = async || Ok(owner.buckets().await.unwrap_or_default().len());
        eventually("some writes", SOON, look, |count| *count >= 10).await?;
        postgres.stop().await?;
        let look = async || Ok(server.get("/ready").send().await?.status);
        eventually("the server noticing", SOON, look, |status| *status == 503).await?;
        postgres.start_again().await
    };
    let (kept, restarted) = tokio::join!(tokio::time::timeout(2 * SOON, writing), restarting);
    restarted?;
    let kept = kept.map_err(|_| bucketry_e2e::Error::TimedOut {
        what: "recovery".to_owned(),
        within: 2 * SOON,
        last: server.log(),
    })??;
    let there: Vec<String> = owner.buckets().await?.iter().map(|one| text(&one["id"]).to_owned()).collect();
    assert!(kept.len() > 20);
    for id in kept {
        assert!(there.contains(&id), "{id} was acknowledged and is gone");
    }
    Ok(())
}

#[tokio::test]
async fn two_servers_share_a_registry() -> Result<()> {
    let database = new_database().await?;
    let first = server_on(&database, options()?).await?;
    let room = tempfile::tempdir().map_err(bucketry_e2e::Error::Files)?;
    let data = room.path().join("data");
    std::fs::create_dir(&data).map_err(bucketry_e2e::Error::Files)?;
    // Tokens of one are good at the other where both have the same keys.
    std::fs::copy(first.data_dir().join("token.key"), data.join("token.key"))
        .map_err(bucketry_e2e::Error::Files)?;
    let second = server_on(&database, options()?.data_dir(&data).arg("--no-node")).await?;
    let here = first.owner().await?;
    let there = here.again_at(&second);

    // Both keep lists; each must notice what the other one changes.
    assert!(here.buckets().await?.is_empty() && there.buckets().await?.is_empty());
    let id = here.register(&bucket_of(&here, "shared").await?).await?;
    let look = async || there.bucket(&id).await;
    eventually("the other server listing it", SOON, look, |bucket| bucket["id"] == json!(id)).await?;
    let deleted = there.delete(&format!("/bucket/{id}")).send().await?;
    deleted.json_with_status(200)?;
    let look = async || here.buckets().await;
    eventually("the first server no longer listing it", SOON, look, Vec::is_empty).await?;
    Ok(())
}

#[tokio::test]
async fn the_databases_password_is_shown_nowhere() -> Result<()> {
    let database = new_database().await?.replacen("postgres@", "postgres:hunter2-of-the-database@", 1);
    let server = server_on(&database, options()?.env("BUCKETRY_LOG", "debug")).await?;
    server.owner().await?;
    server.get("/metrics").send().await?;
    assert!(!server.log().contains("hunter2"), "the log shows the password");

    let wrong = database.replacen("postgres://", "mysql://", 1);
    let refused = server_on(&wrong, options()?).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("postgres://user:password@host"), "{refused}");
    assert!(!refused.contains("hunter2"), "{refused}");
    let nowhere = format!("{database}_that_is_not_there");
    let refused = server_on(&nowhere, options()?).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("does not exist") && !refused.contains("hunter2"), "{refused}");
    Ok(())
}
