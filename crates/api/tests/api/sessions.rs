//! Logging in and out, in the ways of the public client.

use http::Method;
use serde_json::json;

use crate::deployment::{Deployment, PASSWORD};
use crate::snapshot::Redactions;
use bucketry_api::ApiSettings;
use bucketry_control::Settings;

#[tokio::test]
async fn a_login_opens_a_session_that_goes_on_by_refreshing() {
    let deployment = Deployment::start().await;
    let body = json!({ "email": "OWNER@example.com", "password": PASSWORD, "deviceInfo": { "os": "x" } });
    let login = deployment.ask_as(Some("stale"), Method::POST, "/user/login", Some(body)).await;
    assert_eq!(login.status, 200, "{}", login.text);
    let mut redactions = Redactions::hiding(&["accessToken", "refreshToken"]);
    insta::assert_compact_json_snapshot!(redactions.apply(&login.body), @r#"
    {
      "accessToken": "hidden",
      "expiresAt": 1772370000,
      "refreshToken": "hidden",
      "success": true,
      "tokenId": "id 1",
      "user": {
        "email": "owner@example.com",
        "id": "id 2",
        "lastName": "Owner",
        "name": "Owner",
        "orgId": "id 3",
        "orgRole": 255
      }
    }
    "#);

    for spelling in ["refreshToken", "refresh_token"] {
        let session = deployment
            .ask_as(
                None,
                Method::POST,
                "/user/login",
                Some(json!({ "email": "owner@example.com", "password": PASSWORD })),
            )
            .await;
        let old = session.body["refreshToken"].clone();
        let refreshed =
            deployment.ask_as(None, Method::POST, "/user/refresh", Some(json!({ spelling: old }))).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.text);
        let token = refreshed.body["accessToken"].as_str();
        assert_eq!(deployment.ask_as(token, Method::GET, "/user/profile", None).await.status, 200);

        let again =
            deployment.ask_as(None, Method::POST, "/user/refresh", Some(json!({ spelling: old }))).await;
        assert_eq!((again.status.as_u16(), again.code()), (401, "INVALID_REFRESH_TOKEN"));
        let after = deployment.ask_as(token, Method::GET, "/user/profile", None).await;
        assert_eq!(after.status, 401, "using an old refresh token again ends the session");
    }
}

#[tokio::test]
async fn failed_logins_say_why() {
    let deployment = Deployment::start().await;
    for (email, password, code) in [
        ("owner@example.com", "wrong", "INVALID_PASSWORD"),
        ("nobody@example.com", "wrong", "USER_NOT_FOUND"),
    ] {
        let body = json!({ "email": email, "password": password });
        let refused = deployment.ask_as(None, Method::POST, "/user/login", Some(body)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, code));
    }
}

#[tokio::test]
async fn logging_out_works_at_once_and_twice() {
    let deployment = Deployment::start().await;
    let body = json!({ "email": "owner@example.com", "password": PASSWORD });
    let login = deployment.ask_as(None, Method::POST, "/user/login", Some(body)).await.body;
    let token = login["accessToken"].as_str();
    assert_eq!(deployment.ask_as(token, Method::GET, "/user/profile", None).await.status, 200);
    for _ in 0..2 {
        let body = json!({ "refresh_token": login["refreshToken"] });
        let out = deployment.ask_as(None, Method::POST, "/user/logout", Some(body)).await;
        assert_eq!((out.status.as_u16(), out.body), (200, json!({ "success": true })));
    }
    assert_eq!(deployment.ask_as(token, Method::GET, "/user/profile", None).await.status, 401);
    let refused = deployment.ask_as(None, Method::POST, "/user/logout", Some(json!({}))).await;
    assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec!["refreshToken"]));
}

#[tokio::test]
async fn registering_is_closed_unless_the_operator_opens_it() {
    let body = json!({
        "email": "new@example.org", "password": PASSWORD, "firstName": "N", "lastName": "N",
        "companyName": "New", "isBusiness": true,
    });
    let deployment = Deployment::start().await;
    let refused = deployment.ask_as(None, Method::POST, "/user/register", Some(body.clone())).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "REGISTRATION_CLOSED"));

    let api = ApiSettings { rate_limits: None, ..ApiSettings::default() };
    let open =
        Deployment::without_node(api, Settings { open_registration: true, ..Settings::default() }).await;
    let made = open.ask_as(None, Method::POST, "/user/register", Some(body.clone())).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let again = open.ask_as(None, Method::POST, "/user/register", Some(body)).await;
    assert_eq!((again.status.as_u16(), again.code()), (400, "EMAIL_ALREADY_USED"));
    let weak =
        json!({ "email": "x", "password": "short", "firstName": "", "lastName": "N", "companyName": "N" });
    let refused = open.ask_as(None, Method::POST, "/user/register", Some(weak)).await;
    assert_eq!(refused.fields(), ["firstName", "email", "password"]);
}

#[tokio::test]
async fn api_tokens_are_told_once_listed_and_revoked() {
    let deployment = Deployment::start().await;
    let made =
        deployment.post("/token", json!({ "name": "nightly", "expiresAt": "2027-01-01T00:00:00Z" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let token = made.body["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("bkt_"));
    assert_eq!(deployment.ask_as(Some(&token), Method::GET, "/bucket", None).await.status, 200);

    let list = deployment.get("/token").await;
    assert!(!list.text.contains("bkt_"));
    let tokens = list.body["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 2);
    let api = tokens.iter().find(|token| token["type"] == "API").unwrap();
    insta::assert_compact_json_snapshot!(Redactions::default().apply(api), @r#"
    {
      "createdAt": "2026-03-01T12:00:00.000Z",
      "current": false,
      "expiresAt": "2027-01-01T00:00:00.000Z",
      "id": "id 1",
      "lastUsedAt": null,
      "name": "nightly",
      "role": null,
      "type": "API",
      "workspaceId": null
    }
    "#);
    assert_eq!(tokens.iter().filter(|token| token["current"] == true).count(), 1);

    let path = format!("/token/{}", made.body["id"].as_str().unwrap());
    assert_eq!(deployment.delete(&path).await.status, 200);
    assert_eq!(deployment.ask_as(Some(&token), Method::GET, "/bucket", None).await.status, 401);
    assert_eq!(deployment.delete(&path).await.status, 404);
    for (wrong, field) in [
        (json!({ "name": "x", "expiresAt": "tomorrow" }), "expiresAt"),
        (json!({ "name": "x", "expiresAt": "2020-01-01T00:00:00Z" }), "expiresAt"),
        (json!({ "name": "x", "role": "OWNER" }), "role"),
        (json!({}), "name"),
    ] {
        let refused = deployment.post("/token", wrong).await;
        assert_eq!((refused.status.as_u16(), refused.fields()), (400, vec![field]), "{}", refused.text);
    }
}
