//! Unauthenticated callers: their bodies have lower limits, and bodies that stop arriving are abandoned.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use bucketry_api::{ApiSettings, RateLimits};
use bucketry_control::Settings;
use bucketry_web::MinRate;
use bucketry_web::in_process::InProcess;
use bucketry_web::rate::Rate;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment, PASSWORD};

fn open() -> ApiSettings {
    ApiSettings { rate_limits: None, ..ApiSettings::default() }
}

/// A request that arrives over the network.
fn post(path: &str, body: Body) -> Request<Body> {
    let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    let request = Request::post(path).header("content-type", "application/json").extension(ConnectInfo(peer));
    request.body(body).unwrap()
}

async fn send(deployment: &Deployment, path: &str, body: &str) -> Answer {
    deployment.send(post(path, Body::from(body.to_owned()))).await
}

fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.code())
}

#[tokio::test]
async fn device_info_may_be_any_json_of_4_kib() {
    let deployment = Deployment::without_node(open(), Settings::default()).await;
    let log_in = async |device: Value| {
        let body = json!({ "email": "owner@example.com", "password": PASSWORD, "deviceInfo": device });
        send(&deployment, "/user/login", &body.to_string()).await
    };
    for device in
        [json!("Ada's phone"), json!({ "os": "Linux", "apps": [1, { "a": null }] }), json!(null), json!(7)]
    {
        assert_eq!(log_in(device.clone()).await.status, 200, "{device}");
    }
    let mut deep = json!(1);
    for _ in 0..40 {
        deep = json!([deep]);
    }
    for device in [json!("x".repeat(4_097)), json!(vec![json!({ "": 0 }); 1_000]), deep] {
        let refused = log_in(device).await;
        assert_eq!(refusal(&refused), (400, "INVALID_REQUEST"), "{}", refused.text);
        assert_eq!(refused.fields(), ["deviceInfo"]);
        assert!(refused.text.contains("at most 4096 bytes"), "{}", refused.text);
    }
}

#[tokio::test]
async fn bodies_are_small_until_somebody_has_signed_in() {
    let deployment = Deployment::without_node(open(), Settings::default()).await;
    let large = json!({ "email": "x".repeat(64 << 10) }).to_string();
    for path in ["/user/login", "/user/refresh", "/user/logout", "/user/register", "/register", "/unregister"]
    {
        assert_eq!(refusal(&send(&deployment, path, &large).await), (413, "BODY_TOO_LARGE"), "{path}");
    }
    let larger = json!({ "ip": "x".repeat(4 << 20) }).to_string();
    for path in ["/node/status", "/node/report"] {
        let refused = send(&deployment, path, &large).await;
        assert_eq!(refusal(&refused), (400, "INVALID_NODE_MESSAGE"), "{path}: {}", refused.text);
        assert_eq!(refusal(&send(&deployment, path, &larger).await), (413, "BODY_TOO_LARGE"), "{path}");
    }
    let many = (0..40).map(|n| format!("&p{n}=")).collect::<Vec<_>>().concat();
    for query in [many, format!("&cursor={}", "x".repeat(9_000))] {
        let refused = deployment.ask_as(None, Method::GET, &format!("/node/sync?ip=x{query}"), None).await;
        assert_eq!(refusal(&refused), (400, "INVALID_REQUEST"), "{}", refused.text);
    }
}

#[tokio::test]
async fn what_is_in_a_message_is_bounded_before_its_signature_is_looked_at() {
    let deployment = Deployment::without_node(open(), Settings::default()).await;
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(50), "]".repeat(50));
    let members = (0..300).map(|n| format!("\"{n}\":0,")).collect::<Vec<_>>().concat();
    for (body, why) in [
        (nested, "nested deeper"),
        (format!("{{{members}\"x\":0}}"), "members"),
        (format!("{{\"a\":[{}0]}}", "0,".repeat(5_000)), "values"),
        ("{\"ip\":\"a\",\"ip\":\"b\"}".to_owned(), "same name"),
        ("{\"ip\":".to_owned(), "not a JSON object"),
        ("[]".to_owned(), "not a JSON object"),
    ] {
        let refused = send(&deployment, "/register", &body).await;
        assert_eq!(refusal(&refused), (400, "INVALID_NODE_MESSAGE"));
        assert!(refused.text.contains(why), "{why}: {}", refused.text);
        assert_eq!(refused.body["errorCode"], "INVALID_NODE_MESSAGE");
    }
}

/// A body that begins and never ends.
fn held_back(bytes: usize) -> Body {
    let beginning = stream::once(async move { Ok::<_, Infallible>(Bytes::from(vec![b' '; bytes])) });
    Body::from_stream(beginning.chain(stream::pending()))
}

#[tokio::test]
async fn a_body_that_is_held_back_is_given_up_soon() {
    let unauthenticated_min_rate = MinRate { window: Duration::from_millis(10), bytes: 100 };
    let deployment =
        Deployment::without_node(ApiSettings { unauthenticated_min_rate, ..open() }, Settings::default())
            .await;
    for path in ["/user/login", "/register", "/node/report"] {
        let refused = deployment.send(post(path, held_back(50))).await;
        assert_eq!(refusal(&refused), (408, "REQUEST_TIMEOUT"), "{path}");
    }
}

#[tokio::test]
async fn all_strangers_share_one_budget_and_large_messages_do_not_keep_people_from_signing_in() {
    let deployment = Deployment::without_node(
        ApiSettings { unauthenticated_body_bytes: 3_000, ..open() },
        Settings::default(),
    )
    .await;
    let log_in = json!({ "email": "owner@example.com", "password": PASSWORD }).to_string();
    let router = deployment.router.clone();
    let holding = async {
        let request = post("/node/report", held_back(2_000));
        tower::ServiceExt::oneshot(router, request).await
    };
    let mut holding = std::pin::pin!(holding);
    // Let the request run until it waits for its body.
    assert!(futures_util::poll!(&mut holding).is_pending());
    let refused = send(&deployment, "/node/report", &json!({ "ip": "node-1" }).to_string()).await;
    assert_eq!(refusal(&refused), (503, "OVERLOADED"), "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.body["errorCode"], "OVERLOADED");
    assert_eq!(send(&deployment, "/user/login", &log_in).await.status, 200);
}

#[tokio::test]
async fn the_node_in_this_process_counts_against_no_limit() {
    let once = Rate::new(1, 1);
    let limits = RateLimits { per_address: once, login_per_address: once, ..RateLimits::default() };
    let api =
        ApiSettings { rate_limits: Some(limits), unauthenticated_body_bytes: 0, ..ApiSettings::default() };
    let deployment = Deployment::without_node(api, Settings::default()).await;
    let pipe = InProcess::new(deployment.router.clone()).connect();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(pipe)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..5 {
        let request = Request::get("/node/sync?ip=x").header("host", "x").body(Empty::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        // Not 429: the only error is the missing signature.
        assert_eq!(answer.status(), 400);
        answer.into_body().collect().await.unwrap();
    }
}
