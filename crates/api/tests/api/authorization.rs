//! Tests every route with every role and every owner of the resource. The routes come from the OpenAPI document: a
//! route without a row in the table fails the test, and so does a status that differs from its row.
//!
//! `UPDATE_SNAPSHOTS=1` rewrites the table; the reviewer judges the changes.

use std::fmt::Write as _;
use std::path::Path;

use http::Method;
use serde_json::{Value, json};

use crate::deployment::PASSWORD;
use crate::fixtures::{Ownership, ROLES, TestContext};

/// A route of the document.
struct Route {
    method: Method,
    path: String,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn routes() -> Vec<Route> {
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

/// Whether a route names a resource, so that it is tested with every owner.
fn is_placed(route: &Route) -> bool {
    let name = route.name();
    route.path.contains('{')
        || matches!(
            name.as_str(),
            "GET /bucket"
                | "GET /bucket/available"
                | "GET /bucket/stats"
                | "GET /unit/stats"
                | "GET /stats/daily"
                | "GET /stats/minute"
                | "GET /stats/nodes/daily"
                | "GET /stats/nodes/minute"
                | "GET /repo"
                | "POST /repo"
                | "GET /repo/stats"
                | "POST /repo/validate"
                | "POST /bucket"
        )
}

/// A request to a route, with fresh resources, so that no response depends on another.
async fn request(
    context: &TestContext,
    route: &Route,
    ownership: Ownership,
    role: &str,
) -> (String, Option<Value>) {
    let name = route.name();
    let path = |parts: &[(&str, String)]| {
        parts.iter().fold(route.path.clone(), |path, (part, value)| path.replace(part, value))
    };
    match name.as_str() {
        "GET /"
        | "GET /docs"
        | "GET /health"
        | "GET /metrics"
        | "GET /openapi.json"
        | "GET /ready"
        | "GET /node"
        | "GET /token"
        | "GET /user/profile"
        | "GET /workspace"
        | "GET /organization/users"
        | "GET /vault/rotation"
        | "POST /vault/rotation"
        | "GET /node/sync" => (route.path.clone(), None),
        "POST /register" | "POST /unregister" | "POST /node/status" | "POST /node/report" => {
            (route.path.clone(), Some(json!({ "ip": "stranger", "timestamp": 1, "signature": "none" })))
        }
        "POST /user/login" => {
            (route.path.clone(), Some(json!({ "email": "owner@example.com", "password": PASSWORD })))
        }
        "POST /user/refresh" | "POST /user/logout" => {
            (route.path.clone(), Some(json!({ "refreshToken": "unknown" })))
        }
        "POST /user/register" => {
            let email = format!("{}@example.info", context.fresh_name());
            let body = json!({
                "email": email, "password": PASSWORD, "firstName": "A", "lastName": "B", "companyName": "C",
            });
            (route.path.clone(), Some(body))
        }
        "POST /workspace" | "POST /token" => {
            (route.path.clone(), Some(json!({ "name": context.fresh_name() })))
        }
        "POST /organization/users" => {
            let email = format!("{}@example.info", context.fresh_name());
            let body = json!({ "email": email, "password": PASSWORD, "firstName": "A", "lastName": "B" });
            (route.path.clone(), Some(body))
        }
        "GET /repo" => (format!("{}?workspaceId={}", route.path, context.workspace(ownership)), None),
        "GET /repo/stats" => {
            (format!("{}?repoId={}", route.path, context.fresh_repository(ownership).await), None)
        }
        "POST /repo" => {
            let body = json!({
                "name": context.fresh_name(), "storageType": "S3", "mode": "NORMAL",
                "workspaceId": context.workspace(ownership), "repoBuckets": [],
            });
            (route.path.clone(), Some(body))
        }
        "POST /repo/validate" => {
            let bucket = context.fresh_bucket(ownership).await;
            let body = json!({ "mode": "NORMAL", "repoBuckets": [{ "bucketId": bucket, "folder": "" }] });
            (route.path.clone(), Some(body))
        }
        "PUT /repo/{repoId}" | "POST /repo/{repoId}/validate" => {
            let body = json!({ "name": context.fresh_name() });
            (path(&[("{repoId}", context.fresh_repository(ownership).await)]), Some(body))
        }
        "DELETE /repo/{repoId}" | "GET /repo/{repoId}/apikey" => {
            (path(&[("{repoId}", context.fresh_repository(ownership).await)]), None)
        }
        "POST /repo/{repoId}/apikey" => {
            let body = json!({ "name": "key", "accessType": "READ" });
            (path(&[("{repoId}", context.fresh_repository(ownership).await)]), Some(body))
        }
        "PUT /repo/{repoId}/apikey/{apikeyId}" | "DELETE /repo/{repoId}/apikey/{apikeyId}" => {
            let (repo, key) = context.fresh_key(ownership).await;
            let body = (route.method == Method::PUT).then(|| json!({ "name": "key", "accessType": "WRITE" }));
            (path(&[("{repoId}", repo), ("{apikeyId}", key)]), body)
        }
        "GET /bucket" | "GET /bucket/available" => {
            (format!("{}?workspaceId={}", route.path, context.workspace(ownership)), None)
        }
        "GET /bucket/stats"
        | "GET /stats/daily"
        | "GET /stats/minute"
        | "GET /stats/nodes/daily"
        | "GET /stats/nodes/minute" => {
            (format!("{}?bucketId={}", route.path, context.fresh_bucket(ownership).await), None)
        }
        "GET /unit/stats" => {
            (format!("{}?unitId={}", route.path, context.fresh_bucket(ownership).await), None)
        }
        "POST /bucket" => {
            let body = json!({
                "name": context.fresh_name(), "bucket": "photos", "storageType": "S3", "key": "AKIA", "secret": "s",
                "workspaceId": context.workspace(ownership),
            });
            (route.path.clone(), Some(body))
        }
        "GET /bucket/{bucketId}/status"
        | "DELETE /bucket/{bucketId}"
        | "POST /bucket/{bucketId}/validate" => {
            (path(&[("{bucketId}", context.fresh_bucket(ownership).await)]), None)
        }
        "PUT /bucket/{bucketId}" => {
            let body = json!({ "name": context.fresh_name() });
            (path(&[("{bucketId}", context.fresh_bucket(ownership).await)]), Some(body))
        }
        "POST /bucket/{bucketId}/stats" => (
            path(&[("{bucketId}", context.fresh_bucket(ownership).await)]),
            Some(json!({ "day": "2026-03-01" })),
        ),
        "GET /workspace/{workspaceId}" | "DELETE /workspace/{workspaceId}" => {
            (path(&[("{workspaceId}", context.fresh_workspace(ownership).await.to_string())]), None)
        }
        "PUT /workspace/{workspaceId}" => {
            let body = json!({ "name": context.fresh_name() });
            (path(&[("{workspaceId}", context.fresh_workspace(ownership).await.to_string())]), Some(body))
        }
        "POST /workspace/{workspaceId}/users" => {
            let body = json!({ "userId": context.fresh_user(ownership).await, "role": "READ" });
            (path(&[("{workspaceId}", context.fresh_workspace(ownership).await.to_string())]), Some(body))
        }
        "PUT /workspace/{workspaceId}/users/{userId}" | "DELETE /workspace/{workspaceId}/users/{userId}" => {
            let workspace = context.fresh_workspace(ownership).await;
            let member = context.fresh_member(ownership, workspace).await;
            let body = (route.method == Method::PUT).then(|| json!({ "role": "WRITE" }));
            (path(&[("{workspaceId}", workspace.to_string()), ("{userId}", member.to_string())]), body)
        }
        "GET /user/{userId}"
        | "GET /organization/users/{userId}"
        | "DELETE /organization/users/{userId}"
        | "POST /organization/users/{userId}/reset-password" => {
            (path(&[("{userId}", context.fresh_user(ownership).await.to_string())]), None)
        }
        "PUT /user/{userId}/role" => (
            path(&[("{userId}", context.fresh_user(ownership).await.to_string())]),
            Some(json!({ "orgRole": 1 })),
        ),
        "PUT /user/{userId}" | "PUT /organization/users/{userId}" => (
            path(&[("{userId}", context.fresh_user(ownership).await.to_string())]),
            Some(json!({ "name": "New" })),
        ),
        "GET /organization/{orgId}" => {
            (path(&[("{orgId}", context.organization(ownership).await.to_string())]), None)
        }
        "DELETE /token/{tokenId}" => {
            (path(&[("{tokenId}", context.fresh_token(ownership, role).await)]), None)
        }
        _ => panic!("{name} has no request in the authorisation test: write one, and review its rows"),
    }
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
    for route in routes() {
        let fixtures = if is_placed(&route) { &Ownership::ALL[..] } else { &Ownership::ALL[..1] };
        for ownership in fixtures {
            let label = if fixtures.len() == 1 {
                route.name()
            } else {
                format!("{} @ {}", route.name(), ownership.name())
            };
            write!(table, "{label:<74}").unwrap();
            for role in ROLES {
                let (path, body) = request(context, &route, *ownership, role).await;
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
