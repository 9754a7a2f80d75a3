//! The product on PostgreSQL: the main journey, and situations that only a database server can cause.

use std::time::Duration;

use bucketry_e2e::{
    CommandLine, OPEN_BUCKET, Options, Person, Postgres, Result, Server, eventually, needs_one_control_plane,
    new_database, options, query, run_python, s3_bucket, shared_s3_endpoint, text, with,
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A server whose registry is in this database.
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

    // Stored data survives a crash.
    server.kill_hard().await?;
    server.restart().await?;
    let owner = owner.again_at(&server);
    let renamed = owner.put(&format!("/bucket/{id}"), &json!({ "name": "Snow" })).send().await?;
    renamed.json_with_status(200)?;
    assert_eq!(owner.bucket(&id).await?["name"], "Snow");
    owner.delete(&format!("/bucket/{id}")).send().await?.json_with_status(200)?;
    assert!(owner.buckets().await?.is_empty());

    // The data directory contains keys and traffic counts, but no registry.
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
    eventually("writes being accepted again", SOON, again, |answer| answer.status == 200).await?;
    // Other control planes may connect to the database a moment later.
    let has = |buckets: &[Value], name: &str| buckets.iter().any(|bucket| bucket["name"] == name);
    let both = |buckets: &Vec<Value>| has(buckets, "before") && has(buckets, "after");
    let buckets = eventually("both buckets being listed", SOON, async || owner.buckets().await, both).await?;
    assert!(buckets.iter().any(|bucket| bucket["id"] == json!(before)), "{buckets:?}");
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
        assert!(there.contains(&id), "{id} was acknowledged but is lost");
    }
    Ok(())
}

const PUT: &str = r"
import boto3, json, sys
endpoint, key, secret, bucket, name = sys.argv[1:]
s3 = boto3.client('s3', endpoint_url=endpoint, region_name='us-east-1', aws_access_key_id=key,
                  aws_secret_access_key=secret, config=boto3.session.Config(s3={'addressing_style': 'path'}))
s3.put_object(Bucket=bucket, Key=name, Body=b'hello')
print(json.dumps('put'))
";

#[tokio::test]
async fn two_servers_share_a_registry() -> Result<()> {
    needs_one_control_plane!("it starts its own control planes");
    let database = new_database().await?;
    let first = server_on(&database, options()?).await?;
    let dir = tempfile::tempdir().map_err(bucketry_e2e::Error::Files)?;
    let data = dir.path().join("data");
    std::fs::create_dir(&data).map_err(bucketry_e2e::Error::Files)?;
    // Both servers have the same keys, so each accepts tokens of the other.
    std::fs::copy(first.data_dir().join("token.key"), data.join("token.key"))
        .map_err(bucketry_e2e::Error::Files)?;
    let second = server_on(&database, options()?.data_dir(&data).arg("--no-node")).await?;
    let here = first.owner().await?;
    let there = here.again_at(&second);

    // Both servers cache lists; each must notice the changes of the other.
    assert!(here.buckets().await?.is_empty() && there.buckets().await?.is_empty());
    let id = here.register(&bucket_of(&here, "shared").await?).await?;
    let look = async || there.bucket(&id).await;
    eventually("the other server listing it", SOON, look, |bucket| bucket["id"] == json!(id)).await?;

    // Changes at the second server reach the node that syncs with the first. Traffic that this node reports to the
    // first server is shown by the second.
    let access = there.repository_access(&first, "Shared", &[(&id, OPEN_BUCKET)]).await?;
    let key = format!("shared-{}", std::process::id());
    run_python(PUT, &[&access.endpoint, &access.key, &access.secret, OPEN_BUCKET, &key]).await?;
    let look = async || there.get("/repo/stats").send().await?.json_with_status(200);
    let counted = |stats: &Value| stats["stats"][0]["totalUploadBytes"] == "5";
    eventually("the other server showing the traffic", 3 * SOON, look, counted).await?;

    // A token that one server revokes is accepted by the other for at most a few more seconds.
    let token = here.post("/token", &json!({ "name": "machine" })).send().await?.json_with_status(201)?;
    let machine = Person::new(&second, text(&token["token"]));
    machine.get("/bucket").send().await?.json_with_status(200)?;
    here.delete(&format!("/token/{}", text(&token["id"]))).send().await?.json_with_status(200)?;
    let look = async || machine.get("/bucket").send().await;
    eventually("the token being refused", SOON, look, |answer| answer.status == 401).await?;

    let repository = there.get("/repo").send().await?.json_with_status(200)?;
    let gone = here.delete(&format!("/repo/{}", text(&repository["repos"][0]["id"]))).send().await?;
    gone.json_with_status(200)?;
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

#[tokio::test]
async fn a_demo_has_a_schema_of_its_own_and_takes_it_away() -> Result<()> {
    needs_one_control_plane!("the demo is a single process");
    let (database, terminal) = (new_database().await?, CommandLine::new()?);
    query(&database, "CREATE TABLE recipes (id BIGINT)").await?;
    let (ready, anywhere) = (terminal.home().join("ready.json"), "127.0.0.1:0");
    let ready_file = ready.to_string_lossy();
    let args = ["demo", "--listen", anywhere, "--gateway-listen", anywhere, "--ready-file", &ready_file];
    let mut demo = terminal.start(&[&args[..], &["--database-url", &database]].concat())?;
    let look = async || Ok(ready.exists());
    eventually("the demo being ready", SOON, look, |ready| *ready).await?;
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'bucketry_demo%'";
    assert_eq!(query(&database, schemas).await?, "1");
    assert_eq!(demo.interrupt().await?.code(), Some(0), "{}", demo.output());
    assert_eq!(query(&database, schemas).await?, "0");
    assert_eq!(
        query(&database, "SELECT count(*) FROM recipes").await?,
        "0",
        "tables of other programs remain"
    );
    Ok(())
}

#[tokio::test]
async fn every_command_that_takes_a_database_says_what_it_means() -> Result<()> {
    let (database, terminal) = (new_database().await?, CommandLine::new()?);
    let secret = database.replacen("postgres@", "postgres:hunter2-of-the-database@", 1);
    let printed = terminal.text(&["serve", "--print-config", "--database-url", &secret]).await?;
    assert!(printed.contains("database_url = \"postgres://postgres@127.0.0.1:"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
    let backup = terminal.run(&["backup", "copy", "--database-url", &secret]).await?.with_status(1)?;
    assert!(backup.stderr.contains("no registry") && !backup.stderr.contains("hunter2"), "{backup:?}");
    // The database is still empty.
    let looked = terminal.run(&["doctor", "--database-url", &secret]).await?.with_status(1)?;
    assert!(looked.stdout.contains("✗ postgresql") && !looked.stdout.contains("hunter2"), "{looked:?}");
    let server = server_on(&database, options()?).await?;
    let terminal = CommandLine::with_token(&server, &server.log_in().await?)?;
    let looked = terminal.run(&["doctor", "--database-url", &secret]).await?.with_status(0)?;
    assert!(looked.stdout.contains("✓ postgresql"), "{looked:?}");
    Ok(())
}
