//! Secrets never come out: not in responses, logs, metrics, documents or files, and not even sealed after deletion.

use std::path::Path;
use std::time::Duration;

use bucketry_e2e::{
    ADMIN, Answer, CommandLine, OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Person, Result, Server, eventually,
    needs_one_control_plane, options, s3_bucket, sealed_secrets, shared_s3_endpoint, text, with,
};
use http::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

/// All bytes of all files below a directory, except the key files, which contain keys on purpose.
fn everything_in(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_key = path.extension().is_some_and(|kind| kind == "key" || kind == "pem");
        if path.is_dir() {
            bytes.extend(everything_in(&path));
        } else if !is_key {
            bytes.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const WRONG_SECRET: &str = "wrong-secret-of-nobody-4711";
const WRONG_PASSWORD: &str = "Wrong-Password-4711";
const LOST_SECRET: &str = "secret-in-a-broken-body-4711";

/// Sends right and wrong secrets in right and wrong places, and reads what could contain them.
async fn calls_with_secrets(server: &Server, owner: &Person, id: &str, body: &Value) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let wrong = with(body, &json!({ "name": "Wrong", "secret": WRONG_SECRET }));
    answers.push(owner.post("/bucket", &wrong).send().await?);
    answers.push(owner.put(&format!("/bucket/{id}"), &json!({ "secret": WRONG_SECRET })).send().await?);
    let validation = format!("/bucket/{id}/validate");
    answers.push(owner.post(&validation, &json!({ "secret": WRONG_SECRET })).send().await?);
    answers.push(owner.call(Method::POST, &validation).send().await?);
    let broken = format!(r#"{{"name":"x","secret":"{LOST_SECRET}",,}}"#);
    answers.push(owner.call(Method::POST, "/bucket").raw("application/json", broken).send().await?);
    let misplaced = json!({ "name": "x", "storageType": LOST_SECRET, "secret": { "value": LOST_SECRET } });
    answers.push(owner.post("/bucket", &misplaced).send().await?);
    let login = json!({ "email": OWNER_EMAIL, "password": WRONG_PASSWORD });
    answers.push(server.post("/user/login").json(&login).send().await?);
    for path in [
        "/bucket",
        "/bucket/available",
        "/token",
        "/user/profile",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/ready",
    ] {
        answers.push(owner.get(path).send().await?);
    }
    answers.push(owner.get(&format!("/bucket/{id}/status")).send().await?);
    Ok(answers)
}

#[tokio::test]
async fn no_secret_is_logged_told_or_stored_in_plain() -> Result<()> {
    let server = Server::start(
        options()?.env("BUCKETRY_LOG", "debug,bucketry=trace").env("BUCKETRY_PROBE_INTERVAL", "1"),
    )
    .await?;
    let login = json!({ "email": OWNER_EMAIL, "password": OWNER_PASSWORD });
    let session = server.post("/user/login").json(&login).send().await?.json_with_status(200)?;
    let owner = Person::new(&server, text(&session["accessToken"]));
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let api_token =
        owner.post("/token", &json!({ "name": "machine" })).send().await?.json_with_status(201)?;

    let answers = calls_with_secrets(&server, &owner, &id, &body).await?;
    // Probes open the secret repeatedly and write separate log lines.
    eventually("a probe", SOON, async || owner.status_of(&id).await, |status| status == "ONLINE").await?;

    let keys =
        ["vault.key", "token.key"].map(|key| std::fs::read_to_string(server.data_dir().join(key)).unwrap());
    let private_key = keys[0].split_whitespace().find(|word| word.starts_with("AGE-SECRET-KEY-")).unwrap();
    let signing_key = keys[1].split_whitespace().last().unwrap();
    let secrets = [
        ADMIN.secret,
        WRONG_SECRET,
        LOST_SECRET,
        OWNER_PASSWORD,
        WRONG_PASSWORD,
        text(&session["accessToken"]),
        text(&session["refreshToken"]),
        text(&api_token["token"]),
        private_key,
        signing_key,
    ];
    let response: Vec<_> =
        answers.iter().map(|answer| format!("{:?}{}", answer.headers, answer.text())).collect();
    let response = response.concat();
    let stored = everything_in(server.data_dir());
    let log = server.log();
    assert!(log.contains("DEBUG") && log.contains("answered"), "this test needs a verbose log");
    for secret in secrets {
        assert!(secret.len() >= OWNER_PASSWORD.len(), "{secret:?} could be found by chance");
        assert!(!response.contains(secret), "a response contains {secret}");
        assert!(!log.contains(secret), "the log contains {secret}");
        assert!(!holds(&stored, secret), "a file contains {secret}");
    }
    assert!(!response.contains("BEGIN AGE"), "not even the sealed text is returned");
    Ok(())
}

#[tokio::test]
async fn a_deleted_or_replaced_secret_is_destroyed_in_its_sealed_form_too() -> Result<()> {
    needs_one_control_plane!("it is about the files of the embedded database");
    let mut server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let body = s3_bucket("Photos", OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let deleted = owner.register(&body).await?;
    let replaced = owner.register(&with(&body, &json!({ "name": "Other" }))).await?;
    let sealed = sealed_secrets(&server).await?;
    // A line from the middle of the armour, which is unique in the files.
    let line = |id: &str| text(&sealed[id]).lines().nth(3).unwrap_or_default().to_owned();
    let lines = [line(&deleted), line(&replaced)];
    for line in &lines {
        assert!(line.len() > 60 && holds(&everything_in(server.data_dir()), line), "{line}");
    }

    owner.delete(&format!("/bucket/{deleted}")).send().await?.json_with_status(200)?;
    let again = json!({ "secret": body["secret"] });
    owner.put(&format!("/bucket/{replaced}"), &again).send().await?.json_with_status(200)?;
    let left = sealed_secrets(&server).await?;
    assert_eq!(left.keys().collect::<Vec<_>>(), [&replaced]);
    assert_ne!(left[&replaced], sealed[&replaced]);
    server.terminate().await?;
    let stored = everything_in(server.data_dir());
    for line in &lines {
        assert!(!holds(&stored, line), "the sealed text is still in a file");
    }
    Ok(())
}

#[tokio::test]
async fn printed_settings_show_no_secret() -> Result<()> {
    let terminal = CommandLine::new()?.env("BUCKETRY_ADMIN_PASSWORD", OWNER_PASSWORD);
    let file = terminal.file("bucketry.toml", "probe_interval = 7\nlisten = \"127.0.0.1:1\"\n")?;
    let printed =
        terminal.text(&["serve", "--config", &file, "--listen", "127.0.0.1:2", "--print-config"]).await?;
    assert!(!printed.contains(OWNER_PASSWORD), "{printed}");
    assert!(
        printed.contains("probe_interval = 7") && printed.contains("listen = \"127.0.0.1:2\""),
        "{printed}"
    );
    assert!(!terminal.home().join("data").exists(), "printing starts nothing");

    let wrong = terminal.file("wrong.toml", "probe_intervall = 7\n")?;
    let ended = terminal.run(&["serve", "--config", &wrong]).await?.with_status(2)?;
    assert!(ended.stderr.contains("probe_intervall") && ended.stderr.contains("line 1"), "{}", ended.stderr);
    Ok(())
}

/// The password that the first start generates is printed once and appears nowhere else.
#[tokio::test]
async fn a_made_up_password_is_shown_once() -> Result<()> {
    let without = options()?.without_env("BUCKETRY_ADMIN_PASSWORD");
    let mut server = Server::start(without).await?;
    let password_of = |log: &str| -> Vec<String> {
        let lines = log.lines().filter_map(|line| line.split_once("Password (shown only once): "));
        lines.filter_map(|(_, rest)| rest.split_whitespace().next()).map(str::to_owned).collect()
    };
    let shown = |log: String| Ok::<_, bucketry_e2e::Error>(password_of(&log));
    let shown = eventually("the password", SOON, async || shown(server.log()), |all| all.len() == 1).await?;
    server.log_in_as(OWNER_EMAIL, &shown[0]).await?;
    server.restart().await?;
    server.log_in_as(OWNER_EMAIL, &shown[0]).await?;
    assert_eq!(server.log().matches(&shown[0]).count(), 1);
    assert!(!holds(&everything_in(server.data_dir()), &shown[0]));
    let wrong: Value = server
        .post("/user/login")
        .json(&json!({ "email": OWNER_EMAIL, "password": "" }))
        .send()
        .await?
        .json()?;
    assert_eq!(wrong["error_code"], "INVALID_PASSWORD");
    Ok(())
}
