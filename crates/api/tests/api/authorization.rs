//! Tests every route with every role and every owner of the resource. The routes come from the OpenAPI document: a
//! route without a row in the table fails the test, and so does a status that differs from its row.
//!
//! `UPDATE_SNAPSHOTS=1` rewrites the table; the reviewer judges the changes.

use std::fmt::Write as _;
use std::path::Path;

use bucketry_api::RequestSample;
use http::Method;
use serde_json::{Value, json};

use crate::deployment::PASSWORD;
use crate::fixtures::{Ownership, ROLES, TestContext};

/// A route of the document.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
}

impl Route {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&bucketry_api::openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    paths
        .iter()
        .flat_map(|(path, item)| {
            let known = item.as_object().unwrap();
            let count = known.keys().filter(|key| !key.starts_with("x-") && *key != "parameters").count();
            let found: Vec<Route> = methods
                .iter()
                .filter(|method| known.contains_key(&method.as_str().to_lowercase()))
                .map(|method| Route { method: method.clone(), path: path.clone() })
                .collect();
            assert_eq!(found.len(), count, "{path} has a method that this test doesn't know");
            found
        })
        .collect()
}

/// The sample request of a route.
pub(crate) fn sample<'a>(samples: &'a [RequestSample], route: &Route) -> &'a RequestSample {
    let is_of_route = |sample: &&RequestSample| {
        sample.method == route.method && sample.target.split('?').next() == Some(route.path.as_str())
    };
    let found: Vec<_> = samples.iter().filter(is_of_route).collect();
    let [sample] = found[..] else {
        panic!(
            "{} has {} samples: list its handler with endpoints!, and review its rows",
            route.name(),
            found.len()
        )
    };
    sample
}

/// The text of a sample: its target and its body.
fn text(sample: &RequestSample) -> String {
    format!("{}\n{}", sample.target, sample.body.unwrap_or_default())
}

/// Placeholders for what has no owner.
const UNOWNED: [&str; 4] = ["owner", "password", "email", "name"];

/// Whether a request names something that has an owner, so that it is tested with every owner.
fn is_owned(sample: &RequestSample) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(char::is_alphabetic);
    text(sample)
        .split('{')
        .filter_map(|rest| rest.split_once('}'))
        .any(|(name, _)| is_name(name) && !UNOWNED.contains(&name))
}

/// The sample with fresh resources, so that no response depends on another.
pub(crate) async fn request(
    context: &TestContext,
    sample: &RequestSample,
    ownership: Ownership,
    role: &str,
) -> (String, Option<Value>) {
    let mut text = text(sample);
    let mut fill = |placeholder: &str, value: String| text = text.replace(placeholder, &value);
    let has = |placeholder: &str| self::text(sample).contains(placeholder);
    if has("{workspaceId}") {
        let workspace = context.fresh_workspace(ownership).await;
        fill("{workspaceId}", workspace.to_string());
        if has("{userId}") {
            fill("{userId}", context.fresh_member(ownership, workspace).await.to_string());
        }
    } else if has("{userId}") {
        fill("{userId}", context.fresh_user(ownership).await.to_string());
    }
    if has("{apikeyId}") {
        let (repo, key) = context.fresh_key(ownership).await;
        fill("{repoId}", repo);
        fill("{apikeyId}", key);
    } else if has("{repoId}") {
        fill("{repoId}", context.fresh_repository(ownership).await);
    }
    if has("{bucketId}") {
        let bucket = context.fresh_bucket(ownership).await;
        if has("{validationId}") {
            fill("{validationId}", context.fresh_validation(ownership, &bucket).await);
        }
        fill("{bucketId}", bucket);
    } else if has("{validationId}") {
        fill("{validationId}", context.fresh_registration(ownership).await);
    }
    if has("{user}") {
        fill("{user}", context.fresh_user(ownership).await.to_string());
    }
    if has("{orgId}") {
        fill("{orgId}", context.organization(ownership).await.to_string());
    }
    if has("{keyId}") {
        fill("{keyId}", context.fresh_organization_key(ownership).await);
    }
    if has("{nodeId}") && !has("{orgId}") {
        fill("{nodeId}", context.fresh_deployment_node().await);
    } else if has("{nodeId}") {
        fill("{nodeId}", context.fresh_private_node(ownership).await);
    }
    if has("{tokenId}") {
        fill("{tokenId}", context.fresh_token(ownership, role).await);
    }
    if has("{channelId}") {
        fill("{channelId}", context.fresh_channel(ownership).await);
    }
    if has("{silenceId}") {
        fill("{silenceId}", context.fresh_silence(ownership).await);
    }
    fill("{workspace}", context.workspace(ownership).to_string());
    fill("{owner}", "owner@example.com".to_owned());
    fill("{password}", PASSWORD.to_owned());
    fill("{email}", format!("{}@example.info", context.fresh_name()));
    fill("{name}", context.fresh_name());
    let (target, body) = text.split_once('\n').unwrap();
    assert!(!target.contains('{'), "{target} has an unknown placeholder");
    (target.to_owned(), sample.body.map(|_| serde_json::from_str(body).unwrap()))
}

/// The table: one line per route and owner, one column per role.
async fn walk(context: &TestContext) -> String {
    let mut table = String::from(
        "# The status that each role gets, by route and by owner of the resource. The test of the same name\n\
         # writes this file with UPDATE_SNAPSHOTS=1. Review every change as a change of permissions.\n",
    );
    write!(table, "{:<74}", "").unwrap();
    for role in ROLES {
        write!(table, " {role:>14}").unwrap();
    }
    table.push('\n');
    let samples = bucketry_api::request_samples();
    for route in routes() {
        let sample = sample(&samples, &route);
        let fixtures = if is_owned(sample) { &Ownership::ALL[..] } else { &Ownership::ALL[..1] };
        for ownership in fixtures {
            let label = if fixtures.len() == 1 {
                route.name()
            } else {
                format!("{} @ {}", route.name(), ownership.name())
            };
            write!(table, "{label:<74}").unwrap();
            for role in ROLES {
                let (path, body) = request(context, sample, *ownership, role).await;
                let token = context.token(role);
                let answer = context.deployment.ask_as(token, route.method.clone(), &path, body).await;
                write!(table, " {:>14}", answer.status.as_u16()).unwrap();
            }
            table.push('\n');
        }
    }
    table
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_every_role_in_every_place_as_the_table_says() {
    let context = TestContext::make().await;
    let found = walk(&context).await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authorization.golden");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let differs: Vec<String> = found
        .lines()
        .zip(expected.lines().chain(std::iter::repeat("(no row)")))
        .filter(|(found, expected)| found != expected)
        .map(|(found, expected)| format!("- {expected}\n+ {found}"))
        .collect();
    assert!(found == expected, "the statuses differ from the table:\n{}", differs.join("\n"));
}

#[tokio::test]
async fn lists_show_only_what_the_caller_may_see() {
    let context = TestContext::make().await;
    let mut ids = Vec::new();
    for ownership in Ownership::ALL {
        ids.push(context.fresh_bucket(ownership).await);
    }
    let [own, other, foreign] = &ids[..] else { panic!() };
    for (role, expected) in [
        ("USER", vec![]),
        ("READ", vec![own]),
        ("BILLING", vec![]),
        ("WORKSPACES", vec![]),
        ("ADMINISTRATORS", vec![other, own]),
        ("OWNER", vec![other, own]),
        ("FOREIGN", vec![foreign]),
    ] {
        for path in ["/bucket", "/bucket?limit=10", "/bucket/available", "/bucket/stats"] {
            let answer = context.deployment.ask_as(context.token(role), Method::GET, path, None).await;
            let list = ["buckets", "stats"].iter().find_map(|key| answer.body[*key].as_array());
            let list = list.or(answer.body.as_array()).unwrap();
            let mut seen: Vec<&str> =
                list.iter().filter_map(|entry| entry["id"].as_str().or(entry["bucketId"].as_str())).collect();
            let mut expected: Vec<&str> = expected.iter().map(|id| id.as_str()).collect();
            seen.sort_unstable();
            expected.sort_unstable();
            assert_eq!(seen, expected, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn moving_a_bucket_needs_write_in_both_workspaces() {
    let context = TestContext::make().await;
    let bucket = context.fresh_bucket(Ownership::OwnWorkspace).await;
    for (role, ownership, status) in [
        ("WRITE", Ownership::OtherWorkspace, 403),
        ("WRITE", Ownership::OtherOrganization, 404),
        ("OWNER", Ownership::OtherOrganization, 404),
        ("OWNER", Ownership::OtherWorkspace, 200),
        ("WRITE", Ownership::OwnWorkspace, 403),
    ] {
        let body = json!({ "workspaceId": context.workspace(ownership) });
        let path = format!("/bucket/{bucket}");
        let answer = context.deployment.ask_as(context.token(role), Method::PUT, &path, Some(body)).await;
        assert_eq!(answer.status, status, "{role} to {}: {}", ownership.name(), answer.text);
    }
}

#[tokio::test]
async fn scoped_tokens_reach_their_workspace_and_role_only() {
    let context = TestContext::make().await;
    let (own, other) =
        (context.workspace(Ownership::OwnWorkspace), context.fresh_bucket(Ownership::OtherWorkspace).await);
    let body = json!({ "name": "reader", "workspaceId": own, "role": "READ" });
    let made = context.deployment.post("/token", body).await;
    let token = made.body["token"].as_str();
    let bucket = context.fresh_bucket(Ownership::OwnWorkspace).await;
    for (method, path, status) in [
        (Method::GET, format!("/bucket/{bucket}/status"), 200),
        (Method::DELETE, format!("/bucket/{bucket}"), 403),
        (Method::GET, format!("/bucket/{other}/status"), 403),
        (Method::GET, "/organization/users".to_owned(), 403),
        (Method::POST, "/token".to_owned(), 403),
    ] {
        let body = (method == Method::POST).then(|| json!({ "name": "another" }));
        let answer = context.deployment.ask_as(token, method, &path, body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
}
