//! All errors have the same shape.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use jiff::SignedDuration;
use serde_json::json;

use crate::deployment::{Answer, Deployment};

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body["success"], false);
    assert!(!answer.body["message"].as_str().unwrap().is_empty());
    assert!(answer.headers.contains_key("x-request-id"));
}

fn post(deployment: &Deployment, path: &str) -> http::request::Builder {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", format!("Bearer {}", deployment.owner))
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_as_json() {
    let deployment = Deployment::start().await;
    for path in ["/nothing", "/bucket/", "/bucket/a/b/c", "/docs/nothing", "/unit"] {
        assert_refused(&deployment.get(path).await, 404, "NOT_FOUND");
    }
    let refused = deployment.ask(Method::PATCH, "/bucket", None).await;
    assert_refused(&refused, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.headers["allow"], "GET,HEAD,POST");
    let refused = deployment.ask(Method::GET, "/user/login", None).await;
    assert_refused(&refused, 405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.headers["allow"], "POST");
    assert_refused(&deployment.ask(Method::OPTIONS, "/bucket/x", None).await, 405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn who_has_no_valid_token_is_told_so_before_anything_else() {
    let deployment = Deployment::start().await;
    for (authorization, code) in [
        (None, "UNAUTHENTICATED"),
        (Some("Bearer nonsense".to_owned()), "UNAUTHENTICATED"),
        (Some("Bearer bkt_nonsense".to_owned()), "UNAUTHENTICATED"),
        (Some(format!("Basic {}", deployment.owner)), "UNAUTHENTICATED"),
        (Some(deployment.owner.clone()), "UNAUTHENTICATED"),
    ] {
        for (method, path) in
            [(Method::GET, "/bucket?limit=x"), (Method::POST, "/bucket"), (Method::GET, "/bucket/x/status")]
        {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(value) = &authorization {
                request = request.header("authorization", value);
            }
            let refused = deployment.send(request.body(Body::from("{")).unwrap()).await;
            assert_refused(&refused, 401, code);
            assert_eq!(refused.headers["www-authenticate"], "Bearer");
        }
    }
    let lower_case = Request::get("/bucket").header("authorization", format!("bearer {}", deployment.owner));
    assert_eq!(deployment.send(lower_case.body(Body::empty()).unwrap()).await.status, 200);
    deployment.clock.advance(SignedDuration::from_hours(2));
    assert_refused(&deployment.get("/bucket").await, 401, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn bodies_that_are_no_json_are_told_where_they_go_wrong() {
    let deployment = Deployment::start().await;
    let request = post(&deployment, "/bucket").header("content-type", "application/json");
    let refused = deployment.send(request.body(Body::from("{\n  \"name\": ,\n}")).unwrap()).await;
    assert_refused(&refused, 400, "MALFORMED_JSON");
    assert!(refused.body["message"].as_str().unwrap().contains("line 2, column 11"), "{}", refused.text);

    for kind in [None, Some("text/plain"), Some("multipart/form-data; boundary=x"), Some("")] {
        let mut request = post(&deployment, "/bucket");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let refused = deployment.send(request.body(Body::from("{}")).unwrap()).await;
        assert_refused(&refused, 415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let request = post(&deployment, "/bucket").header("content-type", "application/json; charset=utf-8");
    let refused = deployment.send(request.body(Body::from("{}")).unwrap()).await;
    assert_refused(&refused, 400, "INVALID_REQUEST");
    let request = post(&deployment, "/bucket").header("content-type", "application/json");
    let refused = deployment.send(request.body(Body::from(vec![b'{', b'"', 0xff, b'"'])).unwrap()).await;
    assert_refused(&refused, 400, "MALFORMED_JSON");
    let deep = format!("{}{}", "{\"name\":".repeat(500), "1");
    let request = post(&deployment, "/bucket").header("content-type", "application/json");
    let refused = deployment.send(request.body(Body::from(deep)).unwrap()).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn wrong_types_name_their_field() {
    let deployment = Deployment::start().await;
    let refused = deployment.post("/bucket", json!({ "name": { "first": 1 } })).await;
    assert_refused(&refused, 400, "INVALID_REQUEST");
    assert_eq!(refused.body["fields"], json!([{ "field": "name", "message": "must be a string" }]));
    let refused = deployment.post("/bucket", json!({ "storageType": "FTP" })).await;
    let message = refused.body["fields"][0]["message"].as_str().unwrap();
    assert!(["S3", "GCS", "BLOB"].iter().all(|name| message.contains(name)), "{message}");
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let deployment = Deployment::start().await;
    let large = json!({ "name": "x".repeat(1 << 20) });
    assert_refused(&deployment.post("/bucket", large).await, 413, "BODY_TOO_LARGE");
    // Also without a length: the limit is noticed while the body arrives.
    let pieces = stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b' '; 8_192])));
    let request = post(&deployment, "/bucket").header("content-type", "application/json");
    let refused = deployment.send(request.body(Body::from_stream(pieces)).unwrap()).await;
    assert_refused(&refused, 413, "BODY_TOO_LARGE");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
    let api =
        ApiSettings { rate_limits: None, body_timeout: Duration::from_millis(1), ..ApiSettings::default() };
    let deployment = Deployment::without_node(api, Settings::default()).await;
    let never = stream::pending::<Result<Bytes, Infallible>>();
    let request = post(&deployment, "/bucket").header("content-type", "application/json");
    let refused = deployment.send(request.body(Body::from_stream(never)).unwrap()).await;
    assert_refused(&refused, 408, "REQUEST_TIMEOUT");
}

#[tokio::test]
async fn a_broken_body_is_a_refusal_too() {
    let deployment = Deployment::start().await;
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))]);
    let request = post(&deployment, "/bucket").header("content-type", "application/json");
    let refused = deployment.send(request.body(Body::from_stream(broken)).unwrap()).await;
    assert_refused(&refused, 400, "INCOMPLETE_BODY");
}

#[tokio::test]
async fn request_ids_are_taken_over_if_they_are_sane() {
    let deployment = Deployment::start().await;
    let response = async |id: &[u8]| {
        let request = Request::get("/health").header("x-request-id", id).body(Body::empty()).unwrap();
        deployment.send(request).await.headers["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(response(b"abc-123").await, "abc-123");
    for odd in [&b""[..], b"with space", "\u{e4}".as_bytes(), &[b'a'; 129]] {
        let id = response(odd).await;
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}

#[tokio::test]
async fn nodes_are_told_in_their_own_spelling_too() {
    let deployment = Deployment::start().await;
    for (method, path, body) in [
        (Method::POST, "/register", Some(json!({ "ip": "x" }))),
        (Method::POST, "/unregister", Some(json!({ "ip": "x", "timestamp": 1 }))),
        (Method::POST, "/node/status", Some(json!({}))),
        (Method::POST, "/node/report", Some(json!({ "signature": "x" }))),
        (Method::GET, "/node/sync?ip=undefined", None),
    ] {
        let refused = deployment.ask_as(None, method, path, body).await;
        assert_eq!(refused.status, 400, "{path}");
        assert_eq!(refused.body["errorCode"], refused.body["error_code"]);
        assert_eq!(refused.body["errorMessage"], refused.body["message"]);
    }
}
