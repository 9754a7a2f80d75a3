//! Browsers: CORS, and the headers that prevent caching and MIME sniffing.

use axum::body::Body;
use bucketry_api::ApiSettings;
use bucketry_control::Settings;
use bucketry_web::origins::AllowedOrigins;
use http::{Method, Request};

use crate::deployment::{Answer, Deployment};

const PAGE: &str = "https://app.example.com";

async fn deployment(origins: &str) -> Deployment {
    let allowed_origins = AllowedOrigins::parse(origins).unwrap();
    let api = ApiSettings { rate_limits: None, allowed_origins, ..ApiSettings::default() };
    Deployment::without_node(api, Settings::default()).await
}

async fn preflight(deployment: &Deployment, origin: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/bucket")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key");
    deployment.send(request.body(Body::empty()).unwrap()).await
}

async fn list(deployment: &Deployment, origin: &str, token: &str) -> Answer {
    let request =
        Request::get("/bucket").header("origin", origin).header("authorization", format!("Bearer {token}"));
    deployment.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn pages_of_the_named_origins_may_ask_and_read() {
    let deployment = deployment(PAGE).await;
    let answer = preflight(&deployment, PAGE).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-origin"], PAGE);
    assert!(answer.headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("idempotency-key"));
    assert!(answer.headers.contains_key("access-control-max-age"));
    assert!(
        !answer.headers.contains_key("access-control-allow-credentials"),
        "no page can act through cookies"
    );

    // Errors need the header too, or the page can't show its user what is wrong.
    for token in [deployment.owner.as_str(), "nonsense"] {
        let answer = list(&deployment, PAGE, token).await;
        assert_eq!(answer.headers["access-control-allow-origin"], PAGE, "{}", answer.status);
        let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
        for name in ["etag", "retry-after", "x-request-id", "x-next-cursor"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        assert!(answer.headers.get_all("vary").iter().any(|vary| vary.to_str().unwrap().contains("origin")));
    }
}

#[tokio::test]
async fn other_pages_get_nothing_and_without_the_setting_nobody_does() {
    let named = deployment(PAGE).await;
    for origin in ["https://evil.example.com", "http://app.example.com", "null"] {
        assert!(
            !preflight(&named, origin).await.headers.contains_key("access-control-allow-origin"),
            "{origin}"
        );
        let answer = list(&named, origin, &named.owner).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
    let off = deployment("").await;
    assert_eq!(preflight(&off, PAGE).await.status, 405);
    assert!(!list(&off, PAGE, &off.owner).await.headers.contains_key("access-control-allow-origin"));
    let any = deployment("*").await;
    assert_eq!(preflight(&any, PAGE).await.headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn json_is_not_stored_and_no_answer_is_guessed_at() {
    let deployment = Deployment::start().await;
    for (path, status) in
        [("/bucket", 200), ("/health", 200), ("/openapi.json", 200), ("/nowhere", 404), ("/node", 200)]
    {
        let answer = deployment.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    }
    let refused = deployment.ask_as(None, Method::GET, "/bucket", None).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.headers["cache-control"]),
        (401, &"no-store".parse().unwrap())
    );
    assert_eq!(deployment.get("/docs").await.headers["x-content-type-options"], "nosniff");
}
