//! Checks that are printed and returned while a node makes them.

use std::time::Duration;

use bucketry_e2e::{
    ADMIN, CommandLine, OPEN_BUCKET, Person, Result, Server, eventually, list, options, s3_bucket,
    shared_s3_endpoint, text, with,
};
use bucketry_faults::{Fault, FaultProxy};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

async fn progress(owner: &Person, path: &str) -> Result<Value> {
    owner.get(path).send().await?.json_with_status(200)
}

#[tokio::test]
async fn checks_are_printed_as_they_end_while_the_provider_takes_its_time() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let address = shared_s3_endpoint()?.trim_start_matches("http://").parse().unwrap();
    let store = FaultProxy::start(address).await.unwrap();
    let body = s3_bucket("Photos", OPEN_BUCKET, &store.endpoint(), &owner.workspace().await?);
    let id = owner.register(&with(&body, &json!({ "skipValidation": true }))).await?;

    store.set(Fault::HoldRequest);
    let begun =
        owner.post(&format!("/bucket/{id}/validation"), &json!({})).send().await?.json_with_status(200)?;
    let path = format!("/bucket/{id}/validation/{}", text(&begun["validationId"]));
    let state = |answer: &Value, name: &str| {
        let found = list(&answer["checks"]).iter().find(|check| check["name"] == name);
        found.map(|check| text(&check["state"]).to_owned()).unwrap_or_default()
    };
    let seen = eventually(
        "the key being checked",
        SOON,
        async || progress(&owner, &path).await,
        |seen| state(seen, "authenticate") == "IN_PROGRESS",
    );
    let seen = seen.await?;
    assert_eq!(
        (state(&seen, "connect"), state(&seen, "list")),
        ("PASSED".into(), "NOT_TRIED".into()),
        "{seen}"
    );
    assert_eq!((&seen["done"], list(&seen["checks"]).len()), (&json!(false), 9));
    store.healthy();
    let ended = owner.get(&format!("{path}?after={}", seen["revision"])).send().await?;
    let ended = ended.json_with_status(200)?;
    assert!(ended["revision"].as_u64() > seen["revision"].as_u64(), "{ended}");
    let ended =
        eventually("the end", SOON, async || progress(&owner, &path).await, |seen| seen["done"] == true)
            .await?;
    assert_eq!((&ended["status"], state(&ended, "delete")), (&json!("ONLINE"), "PASSED".to_owned()));

    let terminal = CommandLine::with_token(&server, owner.token())?;
    store.set(Fault::HoldRequest);
    let mut command = terminal.start(&["bucket", "validate", "Photos"])?;
    let output = async || Ok(command.output());
    let printed =
        eventually("the first checks", SOON, output, |printed| printed.contains("✓ connect")).await?;
    assert!(!printed.contains("checks passed"), "it is not over: {printed}");
    store.healthy();
    let output = async || Ok(command.output());
    let printed =
        eventually("the last check", SOON, output, |printed| printed.contains("checks passed")).await?;
    assert!(printed.contains("8 of 8 checks passed"), "{printed}");
    command.kill_hard().await?;

    store.set(Fault::HoldRequest);
    let secret = terminal.file("secret", ADMIN.secret)?;
    let endpoint = store.endpoint();
    let arguments = [
        "bucket",
        "add",
        "Films",
        "--bucket",
        OPEN_BUCKET,
        "--endpoint",
        &endpoint,
        "--key",
        ADMIN.key,
        "--secret-file",
        &secret,
    ];
    let mut command = terminal.start(&arguments)?;
    // What the first command printed comes before.
    let output = async || Ok(command.output());
    let connected = |printed: &String| printed.matches("✓ connect").count();
    let printed = eventually("the first checks", SOON, output, |printed| connected(printed) == 2).await?;
    assert!(!printed.contains("registered"), "it is not over: {printed}");
    store.healthy();
    let output = async || Ok(command.output());
    let printed =
        eventually("the end", SOON, output, |printed| printed.contains("registered Films: ")).await?;
    assert!(printed.contains("8 of 8 checks passed\nregistered Films: "), "{printed}");
    assert_eq!(connected(&printed), 2, "each check is printed once: {printed}");
    command.kill_hard().await?;
    Ok(())
}
