//! The caller's own account, one-time passwords, and the calls that are refused until they are changed.

use bucketry_model::secret::Secret;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::deployment::{Deployment, PASSWORD};

/// A well-formed id that no resource has.
const NOBODY: &str = "0190a5a0-0000-7000-8000-000000000009";

fn document() -> Value {
    serde_json::from_str(&bucketry_api::openapi_json()).unwrap()
}

fn calls(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, call)| (path, method, call))
    })
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => &document["components"]["schemas"][name.rsplit('/').next().unwrap()],
        None => schema,
    }
}

/// The schema of a call's body; null if it takes none.
fn body_of<'a>(document: &'a Value, call: &'a Value) -> &'a Value {
    resolve(document, &call["requestBody"]["content"]["application/json"]["schema"])
}

/// A value that the field's type allows.
fn sample(document: &Value, schema: &Value) -> Value {
    let schema = resolve(document, schema);
    match schema["enum"].as_array() {
        Some(values) => values[0].clone(),
        None if schema["type"] == "integer" || schema["type"][0] == "integer" => json!(0),
        None => json!("x"),
    }
}

fn concrete(path: &str) -> String {
    path.split('/')
        .map(|part| if part.starts_with('{') { NOBODY } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test]
async fn no_put_ignores_a_field_that_another_call_takes() {
    // Fields of requests that change nothing.
    const NO_PROPERTIES: [&str; 4] = ["day", "deviceInfo", "refreshToken", "refresh_token"];
    let deployment = Deployment::start().await;
    let document = document();
    let for_people = |call: &Value| call["tags"][0] != "Nodes" && call["tags"][0] != "Audit";
    let fields: std::collections::BTreeSet<&String> = calls(&document)
        .filter(|(_, _, call)| for_people(call))
        .filter_map(|(_, _, call)| body_of(&document, call)["properties"].as_object())
        .flat_map(|properties| properties.keys())
        .collect();
    for field in ["password", "currentPassword", "email", "role", "orgRole", "key", "secret"] {
        assert!(fields.iter().any(|known| *known == field), "{field}");
    }
    let mut asked = 0;
    for (path, _, call) in calls(&document).filter(|(_, method, _)| *method == "put") {
        let schema = body_of(&document, call);
        let own = schema["properties"].as_object().unwrap();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let in_path = |field: &str| path.contains(&format!("{{{field}}}"));
        for field in &fields {
            let is_id = field.as_str() == "repoId" || in_path(field);
            if own.contains_key(*field) || is_id || NO_PROPERTIES.contains(&field.as_str()) {
                continue;
            }
            let mut body = json!({});
            for name in required.iter().filter_map(Value::as_str) {
                body[name] = sample(&document, &own[name]);
            }
            body[field.as_str()] = json!("x");
            let refused = deployment.put(&concrete(path), body).await;
            let about = format!("PUT {path} with {field}: {}", refused.text);
            assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field.as_str()]), "{about}");
            let message = refused.body["message"].as_str().unwrap();
            assert!(
                message.contains("PUT /") || message.contains("POST /"),
                "the message names no call: {about}"
            );
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    let (id, _) = deployment.add_user("ada@example.com", 0).await;
    let path = format!("/organization/users/{id}");
    let unknown = deployment.put(&path, json!({ "name": "Ada", "nickname": "A", "password": null })).await;
    assert_eq!(unknown.status, 200, "{}", unknown.text);
}

#[tokio::test]
async fn a_one_time_password_opens_nothing_but_its_own_change() {
    let deployment = Deployment::start().await;
    let body = json!({
        "email": "ada@example.com", "password": "First1Horse", "firstName": "A", "lastName": "L", "orgRole": 254,
    });
    let made = deployment.post("/organization/users", body).await;
    let id = made.body["data"]["id"].as_str().unwrap().to_owned();
    let login = json!({ "email": "ada@example.com", "password": "First1Horse" });
    let session = deployment.ask_as(None, Method::POST, "/user/login", Some(login)).await;
    assert_eq!(session.status, 200, "{}", session.text);
    let token = session.body["accessToken"].as_str();

    let document = document();
    let mut asked = 0;
    for (path, method, call) in calls(&document).filter(|(_, _, call)| call["security"].is_array()) {
        if path == "/user/profile" {
            continue;
        }
        let method: Method = method.to_uppercase().parse().unwrap();
        let path = concrete(path);
        let body = call["requestBody"].is_object().then(|| json!({}));
        let refused = deployment.ask_as(token, method, &path, body).await;
        let response = (refused.status.as_u16(), refused.code());
        assert_eq!(response, (403, "PASSWORD_CHANGE_REQUIRED"), "{path}: {}", refused.text);
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.contains(&format!("PUT /user/{id}")) && message.contains("bucketry user password"));
        asked += 1;
    }
    assert!(asked > 30, "{asked}");
    let profile = deployment.ask_as(token, Method::GET, "/user/profile", None).await;
    assert_eq!((profile.status.as_u16(), &profile.body["data"]["mustChangePassword"]), (200, &json!(true)));
    let refresh = json!({ "refreshToken": session.body["refreshToken"] });
    let refreshed = deployment.ask_as(None, Method::POST, "/user/refresh", Some(refresh)).await;
    let token = refreshed.body["token"].as_str();
    assert!(token.is_some() && token == refreshed.body["accessToken"].as_str(), "{}", refreshed.text);

    let path = format!("/user/{id}");
    let same = deployment.ask_as(token, Method::PUT, &path, Some(json!({ "password": "First1Horse" }))).await;
    assert_eq!((same.status.as_u16(), same.fields()), (400, vec!["password"]));
    let done = deployment.ask_as(token, Method::PUT, &path, Some(json!({ "password": PASSWORD }))).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(deployment.ask_as(token, Method::GET, "/bucket", None).await.status, 200);
}

#[tokio::test]
async fn an_account_is_changed_by_the_contract() {
    let deployment = Deployment::start().await;
    let (id, token) = deployment.add_user("ada@example.com", 0).await;
    let path = format!("/user/{id}");
    let put = async |body: Value| deployment.ask_as(Some(&token), Method::PUT, &path, Some(body)).await;
    let response = put(json!({ "name": "Augusta", "lastName": "King" })).await;
    assert_eq!(
        (response.status.as_u16(), &response.body["success"]),
        (200, &json!(true)),
        "{}",
        response.text
    );
    assert!(response.body["message"].is_string());
    let profile = deployment.ask_as(Some(&token), Method::GET, "/user/profile", None).await.body;
    assert_eq!((&profile["data"]["name"], &profile["data"]["lastName"]), (&json!("Augusta"), &json!("King")));

    let new = "Another1Horse";
    for (body, field) in [
        (json!({ "password": 5 }), "password"),
        (json!({ "password": { "a": 1 } }), "password"),
        (json!({ "password": "" }), "password"),
        (json!({ "password": "weak" }), "password"),
        (json!({ "password": format!("Aa1{}", "x".repeat(900 << 10)) }), "password"),
        (json!({ "password": new, "currentPassword": [] }), "currentPassword"),
        (json!({ "password": new, "currentPassword": "x".repeat(900 << 10) }), "currentPassword"),
        (json!({ "password": new, "currentPassword": "Wrong1Horse" }), "currentPassword"),
        (json!({ "currentPassword": PASSWORD }), "currentPassword"),
        (json!({ "name": "" }), "name"),
        (json!({ "email": "eve@example.com" }), "email"),
    ] {
        let refused = put(body).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{}", refused.text);
        assert!(!refused.text.contains("Wrong1Horse") && !refused.text.contains("xxxx"));
    }
    let large = put(json!({ "password": "x".repeat(1 << 20) })).await;
    assert_eq!(large.status, 413);

    let other = deployment.log_in("ada@example.com").await;
    assert_eq!(put(json!({ "password": new, "currentPassword": PASSWORD })).await.status, 200);
    assert_eq!(deployment.ask_as(Some(&token), Method::GET, "/user/profile", None).await.status, 200);
    let ended = deployment.ask_as(Some(&other), Method::GET, "/user/profile", None).await;
    assert_eq!((ended.status.as_u16(), ended.code()), (401, "UNAUTHENTICATED"));
    deployment.clock.advance(SignedDuration::from_mins(6));
    let late = put(json!({ "password": PASSWORD })).await;
    assert_eq!((late.status.as_u16(), late.fields()), (400, vec!["currentPassword"]), "{}", late.text);
}

#[tokio::test]
async fn a_lost_password_is_replaced_by_an_administrator() {
    let deployment = Deployment::start().await;
    let (id, token) = deployment.add_user("ada@example.com", 0).await;
    let path = format!("/organization/users/{id}/reset-password");
    let own = deployment.ask_as(Some(&token), Method::POST, &path, None).await;
    assert_eq!(own.status, 403, "{}", own.text);
    let reset = deployment.ask(Method::POST, &path, None).await;
    assert_eq!(reset.status, 200, "{}", reset.text);
    assert_eq!(deployment.ask_as(Some(&token), Method::GET, "/user/profile", None).await.status, 401);
    let password = reset.body["password"].as_str().unwrap();
    deployment.control.login("ada@example.com", Secret::new(password), None).await.unwrap();
    let owner = deployment.first.user_id;
    let own =
        deployment.ask(Method::POST, &format!("/organization/users/{owner}/reset-password"), None).await;
    assert_eq!((own.status.as_u16(), own.code()), (400, "CANNOT_RESET_SELF"));
}

#[tokio::test]
async fn refused_tokens_say_what_is_wrong_with_them() {
    let deployment = Deployment::start().await;
    let (id, ended) = deployment.add_user("ada@example.com", 0).await;
    deployment.ask(Method::POST, &format!("/organization/users/{id}/reset-password"), None).await;
    let body = json!({ "name": "short", "expiresAt": "2026-03-01T12:10:00Z" });
    let expired = deployment.post("/token", body).await.body["token"].as_str().unwrap().to_owned();
    let made = deployment.post("/token", json!({ "name": "x" })).await.body;
    deployment.delete(&format!("/token/{}", made["id"].as_str().unwrap())).await;
    let revoked = made["token"].as_str().unwrap();
    let unknown = bucketry_control::api_token::to_text([9; 32]);
    deployment.clock.advance(SignedDuration::from_mins(10));

    let mut sentences = std::collections::BTreeSet::new();
    let session = deployment.owner.clone();
    for (what, token, code) in [
        ("absent", None, "UNAUTHENTICATED"),
        ("malformed", Some("nonsense"), "UNAUTHENTICATED"),
        ("unknown", Some(unknown.expose()), "UNAUTHENTICATED"),
        ("revoked", Some(revoked), "UNAUTHENTICATED"),
        ("expired", Some(expired.as_str()), "TOKEN_EXPIRED"),
        ("ended session", Some(ended.as_str()), "UNAUTHENTICATED"),
    ] {
        let refused = deployment.ask_as(token, Method::GET, "/bucket", None).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, code), "{what}: {}", refused.text);
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(sentences.insert(refused.body["message"].as_str().unwrap().to_owned()), "{what}");
    }
    deployment.clock.advance(SignedDuration::from_hours(1));
    let refused = deployment.ask_as(Some(&session), Method::GET, "/bucket", None).await;
    assert_eq!(refused.code(), "TOKEN_EXPIRED");
    assert!(sentences.insert(refused.body["message"].as_str().unwrap().to_owned()));
}

#[tokio::test]
async fn calls_that_are_not_served_are_not_taken_for_ids() {
    let deployment = Deployment::start().await;
    for (method, path) in [
        (Method::GET, "/user/quota"),
        (Method::POST, "/user/reset-password"),
        (Method::POST, "/user/request-reset-password"),
        (Method::POST, "/user/activate"),
        (Method::POST, "/user/deactivate"),
        (Method::POST, "/user/pre-verify-email"),
        (Method::POST, "/user/verify-email"),
        (Method::POST, "/user/resend-verification/abc"),
        (Method::POST, "/organization/users/x/activate"),
        (Method::POST, "/organization/users/x/resend-invitation"),
    ] {
        for token in [None, Some(deployment.owner.as_str())] {
            let response = deployment.ask_as(token, method.clone(), path, None).await;
            assert_eq!(
                (response.status.as_u16(), response.code()),
                (404, "NOT_SERVED"),
                "{path}: {}",
                response.text
            );
            assert!(response.body["message"].as_str().unwrap().contains("not served"), "{path}");
        }
    }
}

#[tokio::test]
async fn every_member_reads_roles_and_a_refusal_to_read_speaks_of_reading() {
    let deployment = Deployment::start().await;
    let (_, token) = deployment.add_user("ada@example.com", 0).await;
    let owner = deployment.first.user_id;
    let read = deployment.ask_as(Some(&token), Method::GET, &format!("/user/{owner}"), None).await;
    assert_eq!((read.status.as_u16(), &read.body["data"]["orgRole"]), (200, &json!(255)), "{}", read.text);
    for path in ["/organization/users".to_owned(), format!("/organization/users/{owner}")] {
        let refused = deployment.ask_as(Some(&token), Method::GET, &path, None).await;
        assert_eq!(refused.status, 403);
        assert!(refused.body["message"].as_str().unwrap().starts_with("reading"), "{}", refused.text);
    }
}
