//! Metrics and health, for the operator's monitoring.

use axum::body::Body;
use axum::extract::ConnectInfo;
use bucketry_api::{ApiSettings, MetricsSettings, metrics_router};
use bucketry_control::Settings;
use bucketry_model::secret::Secret;
use http::{Method, Request};
use serde_json::json;

use crate::deployment::{Answer, Deployment};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn with(metrics: MetricsSettings) -> Deployment {
    let api = ApiSettings { rate_limits: None, metrics, ..ApiSettings::default() };
    Deployment::with(api, Settings::default()).await
}

async fn with_proxies(networks: &[&str]) -> Deployment {
    let trusted_proxies = networks.iter().map(|network| network.parse().unwrap()).collect();
    let api = ApiSettings { rate_limits: None, trusted_proxies, ..ApiSettings::default() };
    Deployment::with(api, Settings::default()).await
}

async fn get(deployment: &Deployment, path: &str, header: (&str, &str)) -> Answer {
    let request = Request::get(path).header(header.0, header.1).body(Body::empty());
    deployment.send(request.unwrap()).await
}

#[tokio::test]
async fn the_format_of_metrics_is_the_one_that_the_client_prefers() {
    let deployment = Deployment::start().await;
    let text = deployment.ask_as(None, Method::GET, "/metrics", None).await;
    assert_eq!((text.status.as_u16(), &text.headers["content-type"]), (200, &TEXT.parse().unwrap()));
    assert_eq!(text.headers["vary"], "Accept");
    assert!(text.text.contains("# TYPE bucketry_node_heartbeats_total counter\n"), "{}", text.text);
    assert!(text.text.contains("# TYPE bucketry_build_info gauge\n") && !text.text.contains("# EOF"));
    let open = get(&deployment, "/metrics", ("accept", "application/openmetrics-text;version=1.0.0")).await;
    assert_eq!((open.status.as_u16(), &open.headers["content-type"]), (200, &OPEN_METRICS.parse().unwrap()));
    assert!(open.text.contains("# TYPE bucketry_node_heartbeats counter\n"), "{}", open.text);
    assert!(open.text.ends_with("\n# EOF\n"));
}

#[tokio::test]
async fn metrics_of_buckets_are_limited_and_read_by_workspace() {
    let deployment = with(MetricsSettings { buckets: 1, ..MetricsSettings::default() }).await;
    let incomplete = async |path: &str| {
        let answer = deployment.ask_as(None, Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let line = answer.text.lines().find_map(|l| l.strip_prefix("bucketry_bucket_metrics_incomplete "));
        (line == Some("1"), answer.text)
    };
    assert!(!incomplete("/metrics").await.0);
    deployment.add_bucket("a").await;
    deployment.add_bucket("b").await;
    let of_workspace = format!("/metrics?workspace={}", deployment.first.workspace_id);
    let (is_incomplete, text) = incomplete(&of_workspace).await;
    assert!(is_incomplete && !text.contains("bucketry_http_"), "only metrics of buckets: {text}");
    for path in ["/metrics?workspace=unknown", "/metrics?workspace=018f0000-0000-7000-8000-000000000000"] {
        assert_eq!(deployment.get(path).await.status, 404, "{path}");
    }
    assert_eq!(deployment.get("/metrics?workspaceId=x").await.status, 400);
    let without = with(MetricsSettings { buckets: 0, ..MetricsSettings::default() }).await;
    let text = without.get("/metrics").await.text;
    assert!(!text.contains("bucketry_bucket_up") && text.contains("bucketry_node_connected"), "{text}");
}

#[tokio::test]
async fn names_are_shown_on_this_machine_only_unless_metrics_are_protected() {
    let open = with(MetricsSettings::default()).await;
    let token = Some(Secret::new("a-token-for-metrics"));
    let protected = with(MetricsSettings { token, ..MetricsSettings::default() }).await;
    let proxied = with_proxies(&["127.0.0.2/32"]).await;
    for (deployment, peer, header, shown) in [
        (&open, "127.0.0.1:5000", ("accept", "*/*"), true),
        (&open, "[::1]:5000", ("accept", "*/*"), true),
        (&open, "192.0.2.1:5000", ("accept", "*/*"), false),
        (&open, "127.0.0.1:5000", ("x-forwarded-for", "127.0.0.1"), false),
        (&proxied, "127.0.0.1:5000", ("accept", "*/*"), true),
        (&proxied, "127.0.0.2:5000", ("accept", "*/*"), false),
        (&protected, "192.0.2.1:5000", ("authorization", "Bearer a-token-for-metrics"), true),
    ] {
        let ask = async |path: &str| {
            let peer: std::net::SocketAddr = peer.parse().unwrap();
            let request = Request::get(path).header(header.0, header.1).extension(ConnectInfo(peer));
            deployment.send(request.body(Body::empty()).unwrap()).await
        };
        let incomplete = if shown {
            "bucketry_bucket_metrics_incomplete 0"
        } else {
            "bucketry_bucket_metrics_incomplete 1"
        };
        let all = ask("/metrics").await;
        assert!(all.status == 200 && all.text.contains(incomplete), "{peer} {header:?}: {}", all.text);
        let of_workspace = ask(&format!("/metrics?workspace={}", deployment.first.workspace_id)).await;
        assert_eq!(of_workspace.status, if shown { 200 } else { 403 }, "{peer} {header:?}");
    }
}

#[tokio::test]
async fn metrics_can_need_a_token() {
    let token = Secret::new("a-token-for-metrics");
    let deployment = with(MetricsSettings { token: Some(token), ..MetricsSettings::default() }).await;
    let right = get(&deployment, "/metrics", ("authorization", "Bearer a-token-for-metrics")).await;
    assert_eq!(right.status, 200);
    for wrong in
        ["Bearer a-token-for-metric", "Basic a-token-for-metrics", &format!("Bearer {}", deployment.owner)]
    {
        let refused = get(&deployment, "/metrics", ("authorization", wrong)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, "UNAUTHENTICATED"), "{wrong}");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert!(!refused.text.contains("a-token"), "{}", refused.text);
    }
    assert_eq!(deployment.ask_as(None, Method::GET, "/metrics", None).await.status, 401);
    for open in ["/health", "/ready"] {
        assert_eq!(deployment.ask_as(None, Method::GET, open, None).await.status, 200, "{open}");
    }
}

#[tokio::test]
async fn metrics_at_their_own_address_are_nowhere_else() {
    let mut deployment = with(MetricsSettings { own_listener: true, ..MetricsSettings::default() }).await;
    let elsewhere = deployment.get("/metrics").await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.code()), (404, "NOT_FOUND"));
    assert!(elsewhere.body["message"].as_str().unwrap().contains("--metrics-listen"));
    deployment.router = metrics_router(deployment.state.clone());
    for (path, status) in
        [("/metrics", 200), ("/ready", 200), ("/health", 200), ("/bucket", 404), ("/", 404), ("/docs", 404)]
    {
        assert_eq!(deployment.get(path).await.status, status, "{path}");
    }
    assert_eq!(deployment.ask(Method::POST, "/metrics", None).await.status, 405);
}

#[tokio::test]
async fn metrics_are_served_while_the_database_is_gone() {
    let deployment = Deployment::start().await;
    assert_eq!(deployment.get("/health").await.body["database"], json!(true));
    deployment.control.store().close().await;
    let gone = async || deployment.get("/health").await.body["database"] == json!(false);
    while !gone().await {
        tokio::task::yield_now().await;
    }
    let metrics = deployment.ask_as(None, Method::GET, "/metrics", None).await;
    assert_eq!(metrics.status, 200, "{}", metrics.text);
    for line in
        ["bucketry_database_up 0\n", "bucketry_database_writable 0\n", "bucketry_http_requests_in_flight 1\n"]
    {
        assert!(metrics.text.contains(line), "{line} is not in {}", metrics.text);
    }
    assert!(!metrics.text.contains("bucketry_bucket_up"), "nothing is known about buckets");
    let ready = deployment.get("/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.body["database"]), (503, &json!(false)));
    assert_eq!(deployment.get("/health").await.status, 200, "the process is alive");
}
