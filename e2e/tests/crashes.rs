//! The server is killed, stopped, started twice and restored from a backup: nothing that was acknowledged is lost,
//! and nothing is incomplete.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    CommandLine, OPEN_BUCKET, Person, Result, Server, embedded_options, eventually, list,
    needs_one_control_plane, options, s3_bucket, shared_s3_endpoint, text, with,
};
use bucketry_faults::{Fault, FaultProxy};
use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(20);

/// The files that are needed in addition to a backup of the database.
const KEYS: [&str; 3] = ["vault.key", "node.pem", "token.key"];

async fn body_for(owner: &Person) -> Result<Value> {
    Ok(s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?))
}

fn failed_code(refusal: &Value) -> &str {
    let failed = list(&refusal["checks"]).iter().find(|check| check["ok"] == false);
    failed.map(|check| text(&check["error_code"])).unwrap_or_default()
}

/// Asserts that a bucket is complete: a node can open it with the stored secret.
async fn assert_whole(owner: &Person, bucket: &Value) -> Result<()> {
    assert_eq!(bucket["hasSecret"], true, "{bucket}");
    let path = format!("/bucket/{}/validate", text(&bucket["id"]));
    let validate = async || owner.call(Method::POST, &path).send().await;
    // With a shared database, validations that were in progress at the kill count against the limit until their deadline.
    let response =
        eventually("a validation being admitted", SOON, validate, |call| call.status != 429).await?;
    assert_eq!(response.json_with_status(200)?["status"], "ONLINE");
    Ok(())
}

#[tokio::test]
async fn killed_while_it_registers_it_keeps_what_it_acknowledged_and_nothing_half() -> Result<()> {
    const AT_ONCE: usize = 6;
    let mut server = Server::start(options()?).await?;
    let mut owner = server.owner().await?;
    let body = body_for(&owner).await?;
    let mut acknowledged = Vec::new();
    let mut tried = 0;
    for round in 1..=3 {
        let mut attempts = tokio::task::JoinSet::new();
        for attempt in 0..2 * AT_ONCE {
            // Half of them are stored immediately, half after a validation.
            let name = format!("round {round}, attempt {attempt}");
            let body = with(&body, &json!({ "name": name, "skipValidation": attempt % 2 == 0 }));
            attempts.spawn(owner.post("/bucket", &body).send());
            tried += 1;
        }
        // The crash happens while other attempts are in progress, later in each round.
        for _ in 0..2 * round {
            let answer = attempts.join_next().await.unwrap().unwrap()?;
            if answer.status == 200 {
                acknowledged.push(text(&answer.json()?["bucketId"]).to_owned());
            }
        }
        server.kill_hard().await?;
        while let Some(answer) = attempts.join_next().await {
            if let Ok(answer) = answer.unwrap()
                && answer.status == 200
            {
                acknowledged.push(text(&answer.json()?["bucketId"]).to_owned());
            }
        }
        server.restart().await?;
        owner = owner.again_at(&server);
    }

    let buckets = owner.buckets().await?;
    assert!(!acknowledged.is_empty() && buckets.len() <= tried, "{} of {tried}", acknowledged.len());
    for id in &acknowledged {
        assert!(buckets.iter().any(|bucket| bucket["id"] == *id), "{id} was acknowledged but is lost");
    }
    for bucket in &buckets {
        assert_whole(&owner, bucket).await?;
    }
    let totals = owner.get("/bucket/stats").send().await?.json_with_status(200)?;
    assert_eq!(totals["stats"].as_array().map(Vec::len), Some(buckets.len()));
    // Names of failed attempts are free; the others are taken.
    let names: Vec<&str> = buckets.iter().map(|bucket| text(&bucket["name"])).collect();
    for attempt in 0..2 * AT_ONCE {
        let name = format!("round 3, attempt {attempt}");
        let again = with(&body, &json!({ "name": name, "skipValidation": true }));
        let expected = if names.contains(&name.as_str()) { 400 } else { 200 };
        owner.post("/bucket", &again).send().await?.json_with_status(expected)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() -> Result<()> {
    let server = Server::start(options()?).await?;
    let terminal = CommandLine::new()?;
    let data_dir = server.data_dir().to_string_lossy();
    let second = ["serve", "--data-dir", &data_dir, "--listen", "127.0.0.1:0"];
    let ended = terminal.run(&second).await?.with_status(1)?;
    assert!(ended.stderr.contains("in use by another process"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&*data_dir), "the message names the directory: {}", ended.stderr);
    assert_eq!(server.get("/ready").send().await?.status, 200, "the first server is unaffected");
    Ok(())
}

#[tokio::test]
async fn told_to_stop_it_ends_soon_and_well() -> Result<()> {
    let mut server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let id = owner.register(&body_for(&owner).await?).await?;
    let started = Instant::now();
    let status = server.terminate().await?.unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());

    server.restart().await?;
    // The session survives the restart, because its key is in the data directory.
    assert_eq!(owner.again_at(&server).bucket(&id).await?["name"], "Photos");
    Ok(())
}

#[tokio::test]
async fn a_registration_in_flight_is_answered_before_the_server_ends() -> Result<()> {
    let store = FaultProxy::alone(Fault::StallBeforeHeaders).await.unwrap();
    let mut server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = with(&body_for(&owner).await?, &json!({ "endpoint": store.endpoint() }));
    let attempt = tokio::spawn(owner.post("/bucket", &body).send());
    eventually("the check being in progress", SOON, async || Ok(store.faults_met()), |met| *met > 0).await?;
    let status = server.terminate().await?.unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    let response = attempt.await.unwrap()?.json_with_status(400)?;
    assert_eq!(failed_code(&response), "CONNECT_TIMEOUT", "the check was completed: {response}");
    server.restart().await?;
    assert_eq!(owner.again_at(&server).buckets().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_backup_made_while_it_runs_brings_everything_back() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let server = Server::start(embedded_options()?).await?;
    let owner = server.owner().await?;
    let body = body_for(&owner).await?;
    owner.register(&body).await?;
    let terminal = CommandLine::new()?;
    let copy = terminal.home().join("backup");
    let (data_dir, file) = (server.data_dir().to_string_lossy(), copy.to_string_lossy());

    // Buckets are registered meanwhile; the backup must still be consistent.
    let mut attempts = tokio::task::JoinSet::new();
    for attempt in 0..10 {
        let body = with(&body, &json!({ "name": format!("Meanwhile {attempt}"), "skipValidation": true }));
        attempts.spawn(owner.post("/bucket", &body).send());
    }
    let ended = terminal.run(&["backup", &file, "--data-dir", &data_dir]).await?.with_status(0)?;
    assert!(ended.stdout.contains(&*file) && ended.stderr.contains("vault.key"), "{ended:?}");
    while let Some(answer) = attempts.join_next().await {
        answer.unwrap()?.json_with_status(200)?;
    }
    let again = terminal.run(&["backup", &file, "--data-dir", &data_dir]).await?.with_status(1)?;
    assert!(again.stderr.contains("exist"), "a backup never overwrites: {}", again.stderr);

    // With the key files copied by hand.
    let restored = terminal.home().join("restored");
    std::fs::create_dir(&restored).unwrap();
    for key in KEYS {
        std::fs::copy(server.data_dir().join(key), restored.join(key)).unwrap();
    }
    let to = restored.to_string_lossy().into_owned();
    terminal.run(&["restore", &file, "--data-dir", &to]).await?.with_status(0)?;
    let before = owner.buckets().await?;
    drop(server);
    let server = Server::start(embedded_options()?.data_dir(&restored)).await?;
    let owner = owner.again_at(&server);
    let after = owner.buckets().await?;
    assert!(!after.is_empty() && after.len() <= before.len(), "{} of {}", after.len(), before.len());
    for bucket in &after {
        assert!(before.iter().any(|known| known["id"] == bucket["id"] && known["name"] == bucket["name"]));
        assert_whole(&owner, bucket).await?;
    }
    Ok(())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).map(|found| found.permissions().mode() & 0o777).unwrap_or_default()
}

#[tokio::test]
async fn what_opens_everything_is_for_its_owner_only() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut server = Server::start(embedded_options()?).await?;
    let data_dir = server.data_dir().to_owned();
    for file in KEYS.iter().chain(&["bucketry.db"]) {
        assert_eq!(mode(&data_dir.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&data_dir), 0o700);

    for key in KEYS {
        server.terminate().await?;
        let path = data_dir.join(key);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let refused = server.restart().await.unwrap_err().to_string();
        assert!(refused.contains(key) && refused.contains("chmod 600"), "{refused}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    server.restart().await?;
    Ok(())
}
