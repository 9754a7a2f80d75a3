//! The keys that secrets are sealed to are rotated while everything stays in use.

use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, OPEN_BUCKET, Person, Result, Server, eventually, list, open_with_age, options,
    s3_bucket, sealed_secrets, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);

/// Registers buckets, several concurrently, and returns their ids.
async fn buckets(owner: &Person, count: usize, skip: bool) -> Result<Vec<String>> {
    const AT_ONCE: usize = 8;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let (mut ids, mut registrations) = (Vec::new(), tokio::task::JoinSet::new());
    for number in 0..count {
        if registrations.len() == AT_ONCE {
            ids.extend(registrations.join_next().await.transpose()?.transpose()?);
        }
        let body = with(&body, &json!({ "name": format!("Photos {number}"), "skipValidation": skip }));
        let owner = owner.clone();
        registrations.spawn(async move { owner.register(&body).await });
    }
    while let Some(registered) = registrations.join_next().await {
        ids.push(registered??);
    }
    Ok(ids)
}

async fn assert_online(owner: &Person, id: &str) -> Result<()> {
    let answer = owner.call(Method::POST, &format!("/bucket/{id}/validate")).send().await?;
    assert_eq!(answer.json_with_status(200)?["status"], "ONLINE");
    Ok(())
}

fn keys_in(identity_file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(identity_file).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("AGE-SECRET-KEY-")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_sealed_secret_opens_with_a_tool_that_is_not_ours() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let id = buckets(&owner, 1, false).await?.remove(0);
    let sealed = sealed_secrets(&server).await?;
    assert!(text(&sealed[&id]).starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    let profile = owner.get("/user/profile").send().await?.json_with_status(200)?;
    let opened = open_with_age(&server.data_dir().join("vault.key"), text(&sealed[&id])).await?;
    assert_eq!(
        opened,
        json!({
            "v": 1, "org": profile["data"]["orgId"], "record": format!("bucket:{id}"), "field": "secret",
            "secret": ADMIN.secret,
        })
    );
    Ok(())
}

#[tokio::test]
async fn a_rotation_changes_every_key_and_nobody_notices() -> Result<()> {
    let server = Server::start(options()?.env("BUCKETRY_PROBE_INTERVAL", "1")).await?;
    let owner = server.owner().await?;
    let ids = buckets(&owner, 3, false).await?;
    let look = async || owner.buckets().await;
    let all_online = |buckets: &Vec<Value>| buckets.iter().all(|bucket| bucket["status"] == "ONLINE");
    eventually("all buckets being ONLINE", SOON, look, all_online).await?;
    let identity_file = server.data_dir().join("vault.key");
    let terminal = CommandLine::with_token(&server, owner.token())?;
    let old_file = terminal.file("old.key", &std::fs::read_to_string(&identity_file).unwrap())?;
    let (old_keys, old_sealed) = (keys_in(&identity_file), sealed_secrets(&server).await?);
    let data_dir = server.data_dir().to_string_lossy();
    let export = ["vault", "export-recipients", "--data-dir", &data_dir];
    let old_recipients = terminal.json(&export).await?;

    let response = terminal.json(&["vault", "rotate"]).await?;
    assert_eq!(
        (&response["total"], &response["done"], &response["failed"]),
        (&json!(3), &json!(3), &json!(0)),
        "{response}"
    );
    assert!(response["finishedAt"].is_string(), "{response}");

    let (new_keys, new_sealed) = (keys_in(&identity_file), sealed_secrets(&server).await?);
    assert_eq!((old_keys.len(), new_keys.len()), (1, 1), "the old key is destroyed");
    assert_ne!(old_keys, new_keys);
    let new_recipients = terminal.json(&export).await?;
    assert_eq!(list(&new_recipients).len(), 1);
    assert_ne!(old_recipients, new_recipients);
    for id in &ids {
        let sealed = text(&new_sealed[id]);
        assert_ne!(sealed, text(&old_sealed[id]));
        assert_eq!(open_with_age(&identity_file, sealed).await?["secret"], ADMIN.secret);
        let refused = open_with_age(Path::new(&old_file), sealed).await?;
        assert!(refused["refused"].is_string(), "the old key no longer opens anything: {refused}");
        assert_online(&owner, id).await?;
    }
    assert!(all_online(&owner.buckets().await?));
    let body = s3_bucket("New", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    assert_online(&owner, &owner.register(&body).await?).await?;

    let table = terminal.text(&["vault", "rotate"]).await?;
    assert!(table.contains("4 of 4"), "{table}");
    Ok(())
}

#[tokio::test]
async fn a_rotation_that_is_cut_off_goes_on_after_the_restart() -> Result<()> {
    // More buckets than are sealed again in one batch.
    const BUCKETS: usize = 250;
    let mut server = Server::start(options()?).await?;
    let mut owner = server.owner().await?;
    let ids = buckets(&owner, BUCKETS, true).await?;
    let identity_file = server.data_dir().join("vault.key");

    // Killed immediately, and killed with secrets of both keys in the database.
    for half_way in [false, true] {
        let old_keys = keys_in(&identity_file);
        let old_sealed = sealed_secrets(&server).await?;
        let changed = |sealed: &serde_json::Map<String, Value>| {
            sealed.iter().filter(|(id, sealed)| **sealed != old_sealed[*id]).count()
        };
        let started = owner.call(Method::POST, "/vault/rotation").send().await?;
        let rotation = started.json()?["rotation"].clone();
        assert!(started.status < 300 && rotation["finishedAt"].is_null(), "{rotation}");
        if half_way {
            let look = async || sealed_secrets(&server).await;
            eventually("secrets being sealed again", SOON, look, |sealed| changed(sealed) > 0).await?;
        }
        server.kill_hard().await?;
        if half_way {
            let keys = keys_in(&identity_file).len();
            let changed = changed(&sealed_secrets(&server).await?);
            eprintln!("killed with {keys} keys and {changed} of {BUCKETS} secrets sealed again");
        }

        server.restart().await?;
        owner = owner.again_at(&server);
        let look = async || owner.get("/vault/rotation").send().await?.json_with_status(200);
        let ended = |response: &Value| response["rotation"]["finishedAt"].is_string();
        let response = eventually("the rotation's end", SOON, look, ended).await?;
        assert_eq!(
            (&response["rotation"]["failed"], &response["rotation"]["done"]),
            (&json!(0), &json!(BUCKETS)),
            "{response}"
        );
        let (new_keys, new_sealed) = (keys_in(&identity_file), sealed_secrets(&server).await?);
        assert_eq!(new_keys.len(), 1, "the old keys are destroyed");
        assert_ne!(old_keys, new_keys);
        assert_eq!((new_sealed.len(), changed(&new_sealed)), (BUCKETS, BUCKETS));
        for id in [&ids[0], &ids[BUCKETS - 1]] {
            assert_eq!(open_with_age(&identity_file, text(&new_sealed[id])).await?["secret"], ADMIN.secret);
            assert_online(&owner, id).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn starting_a_rotation_twice_is_one_rotation() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    buckets(&owner, 2, true).await?;
    let terminal = CommandLine::with_token(&server, owner.token())?;
    assert!(owner.get("/vault/rotation").send().await?.json_with_status(200)?["rotation"].is_null());
    let first = terminal.json(&["vault", "rotate", "--no-wait"]).await?;
    let second = terminal.json(&["vault", "rotate"]).await?;
    assert_eq!((&second["failed"], second["finishedAt"].is_string()), (&json!(0), true), "{first} {second}");
    assert_eq!(keys_in(&server.data_dir().join("vault.key")).len(), 1);
    Ok(())
}
