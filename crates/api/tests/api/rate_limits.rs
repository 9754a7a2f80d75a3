//! Rate limits, as clients meet them.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use bucketry_api::{ApiSettings, Rate, RateLimits};
use bucketry_control::Settings;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment};

/// Generous, but for what a test is about.
fn limits() -> RateLimits {
    let plenty = Rate::new(60_000, 1_000);
    RateLimits {
        per_token: plenty,
        per_address: plenty,
        login_per_account: plenty,
        login_per_address: plenty,
    }
}

async fn deployment(rate_limits: RateLimits, proxies: &[&str]) -> Deployment {
    let trusted_proxies = proxies.iter().map(|net| net.parse().unwrap()).collect();
    let api = ApiSettings { rate_limits: Some(rate_limits), trusted_proxies, ..ApiSettings::default() };
    Deployment::without_node(api, Settings::default()).await
}

async fn from(
    deployment: &Deployment,
    address: &str,
    forwarded: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let peer: SocketAddr = format!("{address}:1234").parse().unwrap();
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {}", deployment.owner))
        .header("content-type", "application/json")
        .header("x-forwarded-for", forwarded)
        .extension(ConnectInfo(peer))
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
    deployment.send(request.unwrap()).await
}

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_again() {
    let deployment = deployment(RateLimits { per_token: Rate::new(1, 2), ..limits() }, &[]).await;
    assert_eq!(deployment.get("/bucket").await.status, 200);
    assert_eq!(deployment.get("/user/profile").await.status, 200);
    let refused = deployment.get("/bucket").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "RATE_LIMITED"));
    for header in ["retry-after", "ratelimit", "ratelimit-policy"] {
        assert!(refused.headers.contains_key(header), "{header}");
    }
    let refused = deployment.post("/bucket", json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["bucketId"]), (429, &json!("")));
    assert_eq!(deployment.get("/health").await.status, 200, "those who watch are not limited");
}

#[tokio::test]
async fn an_address_is_limited_whatever_it_says_of_itself() {
    let limits = RateLimits { per_address: Rate::new(1, 1), ..limits() };
    let deployment = deployment(limits, &[]).await;
    assert_eq!(from(&deployment, "192.0.2.1", "198.51.100.1", "/bucket", None).await.status, 200);
    assert_eq!(from(&deployment, "192.0.2.1", "198.51.100.2", "/bucket", None).await.status, 429);
    assert_eq!(from(&deployment, "192.0.2.2", "198.51.100.2", "/bucket", None).await.status, 200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_clients_are_told_apart() {
    let limits = RateLimits { per_address: Rate::new(1, 1), ..limits() };
    let deployment = deployment(limits, &["192.0.2.0/24"]).await;
    assert_eq!(from(&deployment, "192.0.2.1", "198.51.100.1", "/bucket", None).await.status, 200);
    assert_eq!(from(&deployment, "192.0.2.1", "198.51.100.2", "/bucket", None).await.status, 200);
    assert_eq!(from(&deployment, "192.0.2.1", "198.51.100.1", "/bucket", None).await.status, 429);
}

#[tokio::test]
async fn logins_are_limited_per_account_and_per_address() {
    let wrong = |email: &str| Some(json!({ "email": email, "password": "wrong" }));
    let limits_of_accounts = RateLimits { login_per_account: Rate::new(1, 1), ..limits() };
    let guarded = deployment(limits_of_accounts, &[]).await;
    assert_eq!(from(&guarded, "192.0.2.1", "", "/user/login", wrong("owner@example.com")).await.status, 401);
    assert_eq!(from(&guarded, "192.0.2.2", "", "/user/login", wrong("OWNER@example.com")).await.status, 429);
    assert_eq!(from(&guarded, "192.0.2.2", "", "/user/login", wrong("other@example.com")).await.status, 401);

    let limits_of_addresses = RateLimits { login_per_address: Rate::new(1, 1), ..limits() };
    let guarded = deployment(limits_of_addresses, &[]).await;
    assert_eq!(from(&guarded, "192.0.2.1", "", "/user/login", wrong("a@example.com")).await.status, 401);
    assert_eq!(from(&guarded, "192.0.2.1", "", "/user/login", wrong("b@example.com")).await.status, 429);
}
