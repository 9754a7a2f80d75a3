//! One rule for ids wherever a request contains one: absent, malformed, unknown, repeated. The ids come from the
//! OpenAPI document: one that is missing in the tables below fails the test.

use std::collections::BTreeSet;

use bucketry_model::id::BucketId;
use http::Method;
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment};

/// Query parameters that take one id.
const ONE: &[(&str, &str)] = &[
    ("/bucket", "workspaceId"),
    ("/bucket/available", "workspaceId"),
    ("/bucket/stats", "workspaceId"),
    ("/unit/stats", "workspaceId"),
    ("/events", "workspaceId"),
    ("/notification/channel", "workspaceId"),
    ("/notification/silence", "workspaceId"),
    ("/repo", "workspaceId"),
    ("/repo/stats", "workspaceId"),
    ("/stats/daily", "workspaceId"),
    ("/stats/hourly", "workspaceId"),
    ("/stats/minute", "workspaceId"),
    ("/stats/nodes/daily", "workspaceId"),
    ("/stats/nodes/hourly", "workspaceId"),
    ("/stats/nodes/minute", "workspaceId"),
];

/// Query parameters that take a list of ids.
const LISTS: &[(&str, &str)] = &[
    ("/bucket/stats", "bucketId"),
    ("/unit/stats", "unitId"),
    ("/repo", "repoId"),
    ("/repo/stats", "repoId"),
    ("/stats/daily", "bucketId"),
    ("/stats/daily", "repoId"),
    ("/stats/minute", "bucketId"),
    ("/stats/minute", "repoId"),
    ("/stats/nodes/daily", "bucketId"),
    ("/stats/nodes/hourly", "bucketId"),
    ("/stats/nodes/minute", "bucketId"),
];

/// Members of bodies: the route, the path to the member, whether it is required.
const BODIES: &[(&str, &str, bool)] = &[
    ("POST /bucket", "workspaceId", true),
    ("POST /bucket/registration", "workspaceId", true),
    ("PUT /bucket/{bucketId}", "workspaceId", false),
    ("POST /repo", "workspaceId", true),
    ("POST /repo", "repoBuckets/bucketId", true),
    ("PUT /repo/{repoId}", "workspaceId", false),
    ("PUT /repo/{repoId}", "repoBuckets/bucketId", true),
    ("POST /repo/validate", "workspaceId", false),
    ("POST /repo/validate", "repoBuckets/bucketId", true),
    ("POST /repo/{repoId}/validate", "workspaceId", false),
    ("POST /repo/{repoId}/validate", "repoBuckets/bucketId", true),
    ("POST /notification/channel", "workspaceId", false),
    ("POST /notification/silence", "workspaceId", false),
    ("POST /notification/silence", "channelId", false),
    ("POST /notification/silence", "bucketId", false),
    ("POST /token", "workspaceId", false),
    ("PUT /notification/channel/{channelId}", "workspaceId", false),
    ("POST /workspace/{workspaceId}/users", "userId", true),
];

/// Members that search records. They also find what is gone, so an unknown id finds nothing.
const SEARCHES: &[(&str, &str)] = &[
    ("POST /systemevent", "contextId"),
    ("POST /systemevent", "userId"),
    ("POST /systemevent", "workspaceId"),
];

/// Other names of members that are in the table.
const ALIASES: &[&str] = &["repoBuckets/unitId", "repoUnits/bucketId", "repoUnits/unitId"];

fn document() -> Value {
    serde_json::from_str(&bucketry_api::openapi_json()).unwrap()
}

/// The operations of the document: path, method, description.
fn operations(document: &Value) -> impl Iterator<Item = (&String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path, method.to_uppercase(), operation))
    })
}

fn parameters<'d>(operation: &'d Value, ownership: &'d str) -> impl Iterator<Item = &'d str> {
    let all = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |one| one["in"] == ownership).map(|one| one["name"].as_str().unwrap())
}

/// The members of a schema that are ids, with their paths.
fn ids_of(document: &Value, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let schema = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
        return ids_of(document, schema, path, found);
    }
    for variant in ["oneOf", "allOf", "anyOf"] {
        for part in schema[variant].as_array().into_iter().flatten() {
            ids_of(document, part, path, found);
        }
    }
    if schema["items"].is_object() {
        ids_of(document, &schema["items"], path, found);
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        if name.ends_with("Id") {
            found.insert(path);
        } else {
            ids_of(document, member, &path, found);
        }
    }
}

fn unknown() -> String {
    BucketId::new("2026-01-01T00:00:00Z".parse().unwrap(), [3; 10]).to_string()
}

/// The list in a response.
fn list(answer: &Answer) -> &Vec<Value> {
    let mut members = answer.body.as_object().into_iter().flatten();
    let found = answer.body.as_array().or_else(|| members.find_map(|(_, member)| member.as_array()));
    found.unwrap_or_else(|| panic!("no list: {}", answer.text))
}

#[test]
fn the_tables_name_every_id_that_a_request_can_contain() {
    let document = document();
    let (mut queries, mut bodies) = (BTreeSet::new(), BTreeSet::new());
    for (path, method, operation) in operations(&document) {
        for name in parameters(operation, "query").filter(|name| name.ends_with("Id")) {
            queries.insert((path.as_str(), name));
        }
        let mut found = BTreeSet::new();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        ids_of(&document, body, "", &mut found);
        found.retain(|member| !ALIASES.contains(&member.as_str()));
        let route = format!("{method} {path}");
        found.retain(|member| !SEARCHES.contains(&(route.as_str(), member.as_str())));
        bodies.extend(found.into_iter().map(|member| (format!("{method} {path}"), member)));
    }
    let known: BTreeSet<_> = ONE.iter().chain(LISTS).copied().collect();
    assert_eq!(queries, known, "parameters of queries");
    let known: BTreeSet<_> =
        BODIES.iter().map(|(route, member, _)| ((*route).to_owned(), (*member).to_owned())).collect();
    assert_eq!(bodies, known, "members of bodies");
}

#[tokio::test]
async fn a_parameter_that_names_one_thing_is_absent_found_or_not_found_and_given_once() {
    let deployment = Deployment::start().await;
    let workspace = deployment.first.workspace_id.to_string();
    for (path, name) in ONE {
        let ask = async |values: &[&str]| {
            let query: Vec<_> = values.iter().map(|value| format!("{name}={value}")).collect();
            deployment.get(&format!("{path}?{}", query.join("&"))).await
        };
        for absent in ["", "undefined", "null", "%20"] {
            assert_eq!(ask(&[absent]).await.status, 200, "{path}: {absent}");
            assert_eq!(
                ask(&[absent, &workspace]).await.status,
                200,
                "{path}: {absent} and one that is there"
            );
        }
        assert_eq!(ask(&[&workspace]).await.status, 200, "{path}");
        for nothing in ["x", "1", &unknown()] {
            let answer = ask(&[nothing]).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (404, "NOT_FOUND"), "{path}: {nothing}");
        }
        let twice = ask(&[&workspace, &workspace]).await;
        assert_eq!((twice.status.as_u16(), twice.fields()), (400, vec![*name]), "{path}: {}", twice.text);
    }
}

#[tokio::test]
async fn of_a_list_of_ids_those_that_name_nothing_are_left_out() {
    let deployment = Deployment::start().await;
    let bucket = deployment.add_bucket("photos").await;
    let repository = deployment.add_repository("media", json!([])).await;
    for (path, name) in LISTS {
        let there = if *name == "repoId" { &repository } else { &bucket };
        let ask = async |value: &str| deployment.get(&format!("{path}?{name}={value}")).await;
        let all = deployment.get(path).await;
        for absent in ["", "undefined", ",", "undefined,"] {
            let answer = ask(absent).await;
            assert_eq!((answer.status.as_u16(), &answer.text), (200, &all.text), "{path}: {absent}");
        }
        for nothing in ["x", &unknown(), &format!("x,{}", unknown())] {
            let answer = ask(nothing).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert!(list(&answer).is_empty(), "{path}: {nothing}: {}", answer.text);
        }
        let alone = ask(there).await;
        for mixed in [format!("x,{there},{}", unknown()), format!("{}&{name}={there}", unknown())] {
            let answer = ask(&mixed).await;
            assert_eq!((answer.status.as_u16(), &answer.text), (200, &alone.text), "{path}: {mixed}");
        }
        let many = deployment.get(&format!("{path}?{name}={}", "x,".repeat(1_001))).await;
        assert_eq!((many.status.as_u16(), many.fields()), (400, vec![*name]), "{path}");
    }
}

#[tokio::test]
async fn an_id_in_a_path_that_names_nothing_is_not_found() {
    let deployment = Deployment::start().await;
    let document = document();
    let mut walked = 0;
    for (path, method, operation) in operations(&document) {
        let names: Vec<&str> = parameters(operation, "path").collect();
        if names.is_empty() {
            continue;
        }
        walked += 1;
        let body = match (method.as_str(), path.as_str()) {
            (_, "/bucket/{bucketId}/stats") => json!({ "day": "2026-03-01" }),
            (_, "/user/{userId}/role") => json!({ "orgRole": 1 }),
            (_, path) if path.ends_with("/inventory") => json!({ "everyHours": 24 }),
            (_, path) if path.ends_with("/freshness") => json!({ "maxAgeSeconds": 600 }),
            ("POST", "/workspace/{workspaceId}/users") => {
                json!({ "userId": deployment.first.user_id, "role": "READ" })
            }
            (_, path) if path.starts_with("/workspace/{workspaceId}/users") => json!({ "role": "READ" }),
            (_, path) if path.contains("/apikey") => json!({ "name": "n", "accessType": "READ" }),
            (_, path) if path.ends_with("/approval") => json!({ "recipient": "age1" }),
            _ => json!({ "name": "n" }),
        };
        let body = matches!(method.as_str(), "POST" | "PUT").then_some(body);
        for nothing in ["x", "undefined", "null", "..%2f..%2fetc", "%ff", "1", &unknown()] {
            let asked =
                names.iter().fold(path.clone(), |path, name| path.replace(&format!("{{{name}}}"), nothing));
            let method: Method = method.parse().unwrap();
            let answer = deployment.ask(method.clone(), &asked, body.clone()).await;
            let response = (answer.status.as_u16(), answer.code());
            assert_eq!(response, (404, "NOT_FOUND"), "{method} {asked}: {}", answer.text);
        }
    }
    assert!(walked > 15, "only {walked} routes have an id in their path");
}

/// A new notification channel of the workspace.
async fn add_channel(deployment: &Deployment) -> String {
    let fields = json!({
        "name": "on call", "kind": "SLACK", "url": "https://hooks.example.com/x",
        "workspaceId": deployment.first.workspace_id,
    });
    let made = deployment.post("/notification/channel", fields).await;
    made.body["channel"]["id"].as_str().unwrap().to_owned()
}

/// A request to a route that would succeed.
async fn request(deployment: &Deployment, route: &str, number: usize) -> (Method, String, Value) {
    let (method, path) = route.split_once(' ').unwrap();
    let workspace = deployment.first.workspace_id;
    let name = format!("fresh-{number}");
    let ownership =
        json!([{ "bucketId": deployment.add_bucket(&format!("bucket-{number}")).await, "folder": "" }]);
    let (path, body) = match route {
        "POST /bucket" | "POST /bucket/registration" => {
            let mut fields = deployment.bucket_fields(&name);
            fields["skipValidation"] = true.into();
            (path.to_owned(), fields)
        }
        "PUT /bucket/{bucketId}" => {
            let id = deployment.add_bucket(&name).await;
            (path.replace("{bucketId}", &id), json!({ "workspaceId": workspace }))
        }
        "POST /repo" | "POST /repo/validate" => (
            path.to_owned(),
            json!({
                "name": name, "storageType": "S3", "mode": "NORMAL", "workspaceId": workspace,
                "repoBuckets": ownership,
            }),
        ),
        "PUT /repo/{repoId}" | "POST /repo/{repoId}/validate" => {
            let id = deployment.add_repository(&name, json!([])).await;
            (path.replace("{repoId}", &id), json!({ "workspaceId": workspace, "repoBuckets": ownership }))
        }
        "POST /notification/channel" => {
            (path.to_owned(), json!({ "name": name, "kind": "SLACK", "url": "https://hooks.example.com/x" }))
        }
        "PUT /notification/channel/{channelId}" => {
            let id = add_channel(deployment).await;
            (path.replace("{channelId}", &id), json!({ "name": name }))
        }
        "POST /notification/silence" => (
            path.to_owned(),
            json!({
                "workspaceId": workspace, "channelId": add_channel(deployment).await,
                "bucketId": ownership[0]["bucketId"], "endsAt": "2026-03-02T00:00:00Z",
            }),
        ),
        "POST /token" => (path.to_owned(), json!({ "name": name, "workspaceId": workspace, "role": "READ" })),
        "POST /workspace/{workspaceId}/users" => {
            let (user, _) = deployment.add_user(&format!("{name}@example.com"), 0).await;
            let path = path.replace("{workspaceId}", &workspace.to_string());
            (path, json!({ "userId": user, "role": "READ" }))
        }
        _ => panic!("{route} has no request"),
    };
    (method.parse().unwrap(), path, body)
}

fn put(body: &mut Value, member: &str, value: Value) {
    match member.split_once('/') {
        Some((list, member)) => body[list][0][member] = value,
        None => body[member] = value,
    }
}

#[tokio::test]
async fn an_id_in_a_body_is_absent_found_or_not_found() {
    let deployment = Deployment::start().await;
    let mut number = 0;
    for (route, member, required) in BODIES {
        for absent in [json!(""), json!("undefined"), Value::Null] {
            number += 1;
            let (method, path, mut body) = request(&deployment, route, number).await;
            put(&mut body, member, absent.clone());
            let answer = deployment.ask(method, &path, Some(body)).await;
            if *required {
                let field = member.split('/').next().unwrap();
                assert_eq!(
                    (answer.status.as_u16(), answer.fields()),
                    (400, vec![field]),
                    "{route}, {member} {absent}: {}",
                    answer.text
                );
            } else {
                assert!(answer.status.is_success(), "{route}, {member} {absent}: {}", answer.text);
            }
        }
        for nothing in ["x", &unknown()] {
            number += 1;
            let (method, path, mut body) = request(&deployment, route, number).await;
            put(&mut body, member, json!(nothing));
            let answer = deployment.ask(method, &path, Some(body)).await;
            let response = (answer.status.as_u16(), answer.code());
            assert_eq!(response, (404, "NOT_FOUND"), "{route}, {member} {nothing}: {}", answer.text);
        }
        number += 1;
        let (method, path, body) = request(&deployment, route, number).await;
        let answer = deployment.ask(method, &path, Some(body)).await;
        assert!(answer.status.is_success(), "{route}: {}", answer.text);
    }
}
