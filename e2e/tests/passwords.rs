//! Changing passwords, and every way to recover from a lost one.

use std::time::Duration;

use bucketry_e2e::{
    CommandLine, OWNER_EMAIL, OWNER_PASSWORD, Person, Result, Server, embedded_options, eventually,
    needs_one_control_plane, options, text,
};
use serde_json::json;

const SOON: Duration = Duration::from_secs(30);
const NEW: &str = "Another-Horse-2";

/// A terminal that logs in with this password.
async fn logged_in(server: &Server, email: &str, password: &str) -> Result<CommandLine> {
    let terminal = CommandLine::new()?;
    let login = ["login", "--url", server.api(), "--email", email, "--password-stdin"];
    terminal.run_with_input(&login, &format!("{password}\n")).await?.with_status(0)?;
    Ok(terminal)
}

async fn change(terminal: &CommandLine, current: &str, new: &str) -> Result<()> {
    let input = format!("{current}\n{new}\n");
    terminal.run_with_input(&["user", "password", "--password-stdin"], &input).await?.with_status(0).map(drop)
}

async fn refused(server: &Server, email: &str, password: &str) -> Result<()> {
    let body = json!({ "email": email, "password": password });
    let response = server.post("/user/login").json(&body).send().await?.json_with_status(401)?;
    assert_eq!(response["error_code"], "INVALID_PASSWORD");
    Ok(())
}

/// Logs in with a one-time password, checks that nothing works until it is changed, and changes it.
async fn recovers(server: &Server, email: &str, one_time: &str) -> Result<()> {
    let terminal = logged_in(server, email, one_time).await?;
    let stopped = terminal.run(&["bucket", "list"]).await?.with_status(1)?;
    assert!(stopped.stderr.contains("bucketry user password"), "{stopped:?}");
    assert!(!stopped.stderr.contains("PUT /user/"), "calls are for programs: {stopped:?}");
    change(&terminal, "", NEW).await?;
    terminal.text(&["bucket", "list"]).await?;
    refused(server, email, one_time).await
}

#[tokio::test]
async fn a_user_changes_the_password_and_the_other_sessions_end() -> Result<()> {
    let server = Server::start(options()?).await?;
    let other = server.owner().await?;
    let terminal = logged_in(&server, OWNER_EMAIL, OWNER_PASSWORD).await?;
    let command = ["user", "password", "--password-stdin"];
    for (input, status) in [
        (format!("Wrong-Horse-9\n{NEW}\n"), 1),
        (format!("{OWNER_PASSWORD}\nweak\n"), 1),
        // Wrong usage.
        (String::new(), 2),
    ] {
        let ended = terminal.run_with_input(&command, &input).await?.with_status(status)?;
        assert!(ended.stderr.to_lowercase().contains("password"), "{ended:?}");
    }
    change(&terminal, OWNER_PASSWORD, NEW).await?;
    assert_eq!(other.get("/bucket").send().await?.status, 401);
    terminal.text(&["bucket", "list"]).await?;
    refused(&server, OWNER_EMAIL, OWNER_PASSWORD).await?;
    logged_in(&server, OWNER_EMAIL, NEW).await.map(drop)
}

#[tokio::test]
async fn a_new_user_and_one_who_lost_the_password_get_in_with_a_one_time_password() -> Result<()> {
    let server = Server::start(options()?).await?;
    let owner = CommandLine::with_token(&server, &server.log_in().await?)?;
    let made = owner.run(&["user", "add", "ann@example.com"]).await?.with_status(0)?;
    let (_, first) = made.stderr.split_once("(shown only once): ").unwrap();
    recovers(&server, "ann@example.com", first.trim()).await?;

    let session = Person::new(&server, &server.log_in_as("ann@example.com", NEW).await?);
    let reset = owner.text(&["user", "reset-password", "ann@example.com"]).await?;
    assert_eq!(session.get("/user/profile").send().await?.status, 401, "sessions end");
    refused(&server, "ann@example.com", NEW).await?;
    recovers(&server, "ann@example.com", reset.trim()).await?;

    let ann = CommandLine::with_token(&server, &server.log_in_as("ann@example.com", NEW).await?)?;
    let id = server.owner().await?.get("/user/profile").send().await?.json_with_status(200)?;
    let low = ann.run(&["user", "reset-password", text(&id["data"]["id"])]).await?.with_status(1)?;
    assert!(low.stderr.contains("ADMINISTRATORS"), "{low:?}");
    Ok(())
}

#[tokio::test]
async fn the_operator_recovers_the_password_of_the_only_owner() -> Result<()> {
    let mut server = Server::start(options()?).await?;
    let owner = server.owner().await?;
    let data_dir = server.data_dir().to_string_lossy().into_owned();
    let database = server.database().map(str::to_owned);
    let operator = CommandLine::new()?;
    let (place, value) = match &database {
        Some(url) => ("--database-url", url.as_str()),
        None => ("--data-dir", data_dir.as_str()),
    };
    let reset = ["admin", "reset-password", OWNER_EMAIL, place, value];
    if database.is_none() {
        // The running server owns the embedded database: the command is refused and changes nothing.
        let ended = operator.run(&reset).await?.with_status(1)?;
        assert!(ended.stderr.contains("a server is using") && ended.stdout.is_empty(), "{ended:?}");
        assert_eq!(owner.get("/bucket").send().await?.status, 200);
        server.log_in().await?;
        server.terminate().await?;
    }
    let unknown = ["admin", "reset-password", "nobody@example.com", place, value];
    let ended = operator.run(&unknown).await?.with_status(1)?;
    assert!(ended.stderr.contains("no user has"), "{ended:?}");
    let ended = operator.run(&reset).await?.with_status(0)?;
    let one_time = ended.stdout.trim().to_owned();
    assert!(one_time.starts_with("Bk1-") && !ended.stderr.contains(&one_time), "{ended:?}");
    if database.is_none() {
        server.restart().await?;
    }
    let ended = owner.again_at(&server).get("/bucket").send().await?;
    assert_eq!(ended.status, 401, "the earlier session has ended, also in a server that keeps running");
    refused(&server, OWNER_EMAIL, OWNER_PASSWORD).await?;
    recovers(&server, OWNER_EMAIL, &one_time).await?;

    let nowhere = operator.home().join("nowhere").to_string_lossy().into_owned();
    let ended = operator.run(&["admin", "reset-password", OWNER_EMAIL, "--data-dir", &nowhere]).await?;
    assert!(ended.with_status(1)?.stderr.contains("there is no database"));
    assert!(!operator.home().join("nowhere").exists(), "no registry is made by mistake");
    Ok(())
}

#[tokio::test]
async fn the_first_start_shows_a_one_time_password_that_must_be_changed() -> Result<()> {
    needs_one_control_plane!("it is about the first start of a single server");
    let server = Server::start(embedded_options()?.without_env("BUCKETRY_ADMIN_PASSWORD")).await?;
    let look = async || Ok(server.log());
    let log = eventually("the frame", SOON, look, |log| log.contains('└')).await?;
    let (_, rest) = log.split_once("Password (shown only once): ").unwrap();
    let password = rest.split_whitespace().next().unwrap();
    for command in ["bucketry login --url", "bucketry user password", "bucketry bucket add"] {
        // With the path of the program, which isn't on `PATH` here.
        assert!(log.contains(&format!("/{command}")), "{command}: {log}");
    }
    recovers(&server, OWNER_EMAIL, password).await
}

#[tokio::test]
async fn a_password_for_a_registry_that_exists_says_that_it_has_no_effect() -> Result<()> {
    needs_one_control_plane!("it is about the first start of a single server");
    let mut server = Server::start(embedded_options()?).await?;
    assert!(!server.log().contains("has no effect"));
    server.owner().await?.get("/user/profile").send().await?.json_with_status(200)?;
    server.restart().await?;
    let look = async || Ok(server.log());
    let log = eventually("the warning", SOON, look, |log| log.contains("has no effect")).await?;
    assert!(log.contains("bucketry admin reset-password owner@example.com --data-dir"), "{log}");
    assert!(!log.contains(OWNER_PASSWORD));
    Ok(())
}
