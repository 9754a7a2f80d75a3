//! The dashboard's pages about people, workspaces, notifications, records, repositories, tokens and nodes in a real
//! browser. Screenshots are in `target/dashboard`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bucketry_e2e::{
    OPEN_BUCKET, OWNER_EMAIL, OWNER_PASSWORD, Options, Person, Receiver, Reception, Result, SCOPED_BUCKET,
    Server, eventually, options, run_in_browser, s3_bucket, shared_s3_endpoint, text,
};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_mins(1);
const KEY: &str = "the key of the test's webhook";

/// Where screenshots are stored: `target/dashboard`.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..").join("dashboard")
}

fn probing_often() -> Result<Options> {
    Ok(options()?.env("BUCKETRY_PROBE_INTERVAL", "1"))
}

/// Opens pages in both themes and at both widths. Each has a path, and perhaps something to click first.
async fn look_at(server: &Server, report: &str, pages: &Value) -> Result<()> {
    let variables = [
        ("URL_OF_SERVER", server.api().to_owned()),
        ("EMAIL", OWNER_EMAIL.to_owned()),
        ("PASSWORD", OWNER_PASSWORD.to_owned()),
        ("OUT", screenshots().to_string_lossy().into_owned()),
        ("SIZES", report.to_owned()),
        ("PAGES", pages.to_string()),
    ];
    let Some(report) = run_in_browser("pages.mjs", &variables).await? else { return Ok(()) };
    assert_eq!(findings(&report), Vec::<&str>::new(), "{report:#}");
    Ok(())
}

/// The findings of a journey. It has none if everything is right.
fn findings(report: &Value) -> Vec<&str> {
    report["findings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Registers a bucket, and waits until it is seen.
async fn bucket(owner: &Person, name: &str) -> Result<String> {
    let body = s3_bucket(name, OPEN_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    let id = owner.register(&body).await?;
    let what = "the bucket being ONLINE";
    eventually(what, SOON, async || owner.status_of(&id).await, |seen| seen == "ONLINE").await?;
    Ok(id)
}

/// An account with this role in the organization. Returns its id.
async fn account(owner: &Person, first: &str, last: &str, org_role: u8) -> Result<String> {
    let body = json!({
        "email": format!("{}@example.com", first.to_lowercase()), "password": "First-Horse-1",
        "firstName": first, "lastName": last, "orgRole": org_role,
    });
    let made = owner.post("/organization/users", &body).send().await?.json_with_status(201)?;
    Ok(text(&made["data"]["id"]).to_owned())
}

#[tokio::test]
async fn pages_about_people_and_workspaces_are_accessible_silent_and_small() -> Result<()> {
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    let workspace = owner.workspace().await?;
    let id = bucket(&owner, "product-images").await?;
    owner.repository_access(&server, "Streaming", &[(&id, OPEN_BUCKET)]).await?;
    let grace = account(&owner, "Grace", "Hopper", 0).await?;
    account(&owner, "Katherine", "Johnson", 2).await?;
    account(&owner, "Maximiliane-Theodora", "von Hohenlohe-Waldenburg-Schillingsfürst", 254).await?;
    let path = format!("/workspace/{workspace}/users");
    let member = json!({ "userId": grace, "role": "WRITE" });
    owner.post(&path, &member).send().await?.json_with_status(200)?;
    owner
        .post("/workspace", &json!({ "name": "Research and development" }))
        .send()
        .await?
        .json_with_status(201)?;
    let pages = json!({
        "workspaces": { "path": "/ui/workspaces" },
        "workspace": { "path": format!("/ui/workspaces/{workspace}") },
        "workspace-member": { "path": format!("/ui/workspaces/{workspace}"), "click": "summary.line" },
        "workspace-new": { "path": "/ui/workspaces/new" },
        "people": { "path": "/ui/people" },
        "person": { "path": format!("/ui/people/{grace}") },
        "person-new": { "path": "/ui/people/new" },
    });
    look_at(&server, "people", &pages).await
}

#[tokio::test]
async fn pages_about_notifications_and_records_are_accessible_silent_and_small() -> Result<()> {
    let receiver = Receiver::start(KEY).await?;
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    bucket(&owner, "product-images").await?;
    let fields = json!({ "name": "On call", "kind": "WEBHOOK", "url": receiver.url(), "secret": KEY });
    let made = owner.post("/notification/channel", &fields).send().await?.json_with_status(200)?;
    let channel = text(&made["channel"]["id"]).to_owned();
    let test = format!("/notification/channel/{channel}/test");
    owner.call(Method::POST, &test).send().await?.json_with_status(200)?;
    receiver.set(Reception::Fail(503));
    owner.call(Method::POST, &test).send().await?.json_with_status(200)?;
    let now = Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    let tomorrow = (now + SignedDuration::from_hours(24)).to_string();
    let silence = json!({ "code": "BUCKET_OFFLINE", "endsAt": tomorrow, "comment": "moving house" });
    owner.post("/notification/silence", &silence).send().await?.json_with_status(200)?;
    let workspace = owner.workspace().await?;
    owner.put(&format!("/workspace/{workspace}"), &json!({ "name": "Media" })).send().await?;
    // A refusal is a record, too.
    let grace = account(&owner, "Grace", "Hopper", 0).await?;
    owner.delete("/organization/users/00000000-0000-7000-8000-000000000000").send().await?;
    owner.put(&format!("/user/{grace}/role"), &json!({ "orgRole": 2 })).send().await?;
    let pages = json!({
        "notifications": { "path": "/ui/notifications" },
        "channel": { "path": format!("/ui/notifications/{channel}") },
        "channel-new": { "path": "/ui/notifications/new" },
        "channel-new-mail": { "path": "/ui/notifications/new?kind=EMAIL" },
        "silence-new": { "path": "/ui/notifications/silences/new" },
        "audit": { "path": "/ui/audit" },
        "audit-open": { "path": "/ui/audit?kind=workspace", "click": "summary.line" },
        "audit-nothing": { "path": "/ui/audit?kind=vault" },
    });
    look_at(&server, "records", &pages).await
}

#[tokio::test]
async fn pages_about_repositories_tokens_and_nodes_are_accessible_silent_and_small() -> Result<()> {
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    let id = bucket(&owner, "product-images").await?;
    let access = owner.repository_access(&server, "Streaming", &[(&id, OPEN_BUCKET)]).await?;
    owner.post("/token", &json!({ "name": "backup script" })).send().await?;
    let pages = json!({
        "repositories": { "path": "/ui/repositories" },
        "repositories-nothing": { "path": "/ui/repositories?q=nothing" },
        "repository": { "path": format!("/ui/repositories/{}", access.repository) },
        "repository-settings": { "path": format!("/ui/repositories/{}/settings", access.repository) },
        "repository-new": { "path": "/ui/repositories/new" },
        "tokens": { "path": "/ui/tokens" },
        "nodes": { "path": "/ui/nodes" },
        "settings-owner": { "path": "/ui/settings" },
    });
    look_at(&server, "repositories", &pages).await
}

#[tokio::test]
async fn people_run_an_organization_in_a_browser() -> Result<()> {
    let receiver = Receiver::start(KEY).await?;
    let server = Server::start(probing_often()?).await?;
    let owner = server.owner().await?;
    let id = bucket(&owner, "product-images").await?;
    // A repository contains a bucket of one name there once.
    let archive = s3_bucket("archive-2026", SCOPED_BUCKET, &shared_s3_endpoint()?, &owner.workspace().await?);
    owner.register(&archive).await?;
    let access = owner.repository_access(&server, "Streaming", &[(&id, OPEN_BUCKET)]).await?;
    let variables = [
        ("URL_OF_SERVER", server.api().to_owned()),
        ("EMAIL", OWNER_EMAIL.to_owned()),
        ("PASSWORD", OWNER_PASSWORD.to_owned()),
        ("OUT", screenshots().to_string_lossy().into_owned()),
        ("RECEIVER", receiver.url().to_owned()),
        ("REPOSITORY", access.repository.clone()),
    ];
    let Some(report) = run_in_browser("organization.mjs", &variables).await? else { return Ok(()) };
    assert_eq!(findings(&report), Vec::<&str>::new(), "{report:#}");
    Ok(())
}
