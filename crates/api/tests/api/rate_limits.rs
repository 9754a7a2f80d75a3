//! Rate limits, as clients see them.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use bucketry_api::{ApiSettings, RateLimits};
use bucketry_control::Settings;
use bucketry_web::rate::Rate;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::deployment::{Answer, Deployment, PASSWORD};

/// Limits that no test reaches, to be overridden by the test.
fn limits() -> RateLimits {
    let plenty = Rate::new(60_000, 1_000);
    RateLimits {
        per_token: plenty,
        per_address: plenty,
        login_per_account_and_network: plenty,
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
    let peer = SocketAddr::new(address.parse().unwrap(), 1234);
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
    assert_eq!(deployment.get("/health").await.status, 200, "monitoring is not limited");
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

async fn sign_in(deployment: &Deployment, address: &str, password: &str) -> u16 {
    let body = json!({ "email": "owner@example.com", "password": password });
    from(deployment, address, "", "/user/login", Some(body)).await.status.as_u16()
}

#[tokio::test]
async fn nobody_is_locked_out_by_failures_from_another_network() {
    let limits = RateLimits { login_per_account_and_network: Rate::new(1, 2), ..limits() };
    let guarded = deployment(limits, &[]).await;
    for status in [401, 401, 429] {
        assert_eq!(sign_in(&guarded, "198.51.100.1", "wrong").await, status);
    }
    assert_eq!(sign_in(&guarded, "198.51.100.200", PASSWORD).await, 429, "the same /24, right or wrong");
    for _ in 0..5 {
        assert_eq!(sign_in(&guarded, "192.0.2.1", PASSWORD).await, 200, "successes don't count");
    }
}

#[tokio::test]
async fn a_network_that_was_signed_in_from_lately_passes_when_many_networks_guess() {
    let limits = RateLimits { login_per_account: Rate::new(1, 3), ..limits() };
    let guarded = deployment(limits, &[]).await;
    assert_eq!(sign_in(&guarded, "2001:db8::1", PASSWORD).await, 200);
    for (network, status) in [(1, 401), (2, 401), (3, 401), (4, 429)] {
        assert_eq!(sign_in(&guarded, &format!("198.51.{network}.1"), "wrong").await, status);
    }
    assert_eq!(sign_in(&guarded, "192.0.2.1", PASSWORD).await, 429, "from any other network");
    assert_eq!(
        sign_in(&guarded, "2001:db8::2", PASSWORD).await,
        200,
        "from a network that the user logged in from"
    );
    for status in [401, 401, 401, 429] {
        assert_eq!(sign_in(&guarded, "2001:db8::3", "wrong").await, status, "also limited there");
    }
    guarded.clock.advance(jiff::SignedDuration::from_hours(31 * 24));
    assert_eq!(sign_in(&guarded, "2001:db8::2", PASSWORD).await, 429, "only recent logins count");
}

#[tokio::test]
async fn guesses_of_the_current_password_are_limited() {
    let limits = RateLimits { login_per_account_and_network: Rate::new(1, 2), ..limits() };
    let guarded = deployment(limits, &[]).await;
    let path = format!("/user/{}", guarded.first.user_id);
    let body = |current: &str| json!({ "password": "Another1Horse", "currentPassword": current });
    for status in [400, 400, 429] {
        assert_eq!(guarded.put(&path, body("Wrong1Horse")).await.status, status);
    }
    assert_eq!(guarded.put(&path, body(PASSWORD)).await.status, 429);
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
