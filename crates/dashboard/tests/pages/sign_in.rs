//! Signing in and out, one-time passwords, and the session's cookie.

use bucketry_dashboard::DashboardSettings;
use bucketry_web::login_guard::LoginGuard;
use bucketry_web::rate::Rate;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use std::sync::Arc;

use crate::deployment::{Deployment, OWNER, PASSWORD};

#[tokio::test]
async fn whoever_opens_a_link_returns_to_it_after_signing_in() {
    let deployment = Deployment::new().await;
    let refused = deployment.get("", "/ui/buckets?state=offline").await;
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    assert_eq!(refused.location(), "/ui/sign-in?to=%2Fui%2Fbuckets%3Fstate%3Doffline");
    let page = deployment.get("", refused.location()).await;
    assert!(page.text.contains("name=\"to\" value=\"/ui/buckets?state=offline\""), "{}", page.text);
    let fields = [("email", OWNER), ("password", PASSWORD), ("to", "/ui/buckets?state=offline")];
    let page = deployment.post("", "/ui/sign-in", &fields).await;
    assert_eq!(page.location(), "/ui/buckets?state=offline");
    let elsewhere = [("email", OWNER), ("password", PASSWORD), ("to", "https://evil.example.com/ui")];
    assert_eq!(deployment.post("", "/ui/sign-in", &elsewhere).await.location(), "/ui");
}

#[tokio::test]
async fn the_cookie_is_for_scripts_of_nobody_and_secure_over_https() {
    let settings = DashboardSettings {
        public_url: Some(bucketry_dashboard::PublicUrl::parse("https://nas.local:8080").unwrap()),
        ..DashboardSettings::default()
    };
    for (deployment, expected) in [
        (Deployment::new().await, ["bucketry=", "; HttpOnly; SameSite=Lax; Path=/ui"]),
        (
            Deployment::with(settings, false).await,
            ["__Host-bucketry=", "; Secure; HttpOnly; SameSite=Lax; Path=/"],
        ),
    ] {
        let page = deployment.post("", "/ui/sign-in", &[("email", OWNER), ("password", PASSWORD)]).await;
        let header = page.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(header.starts_with(expected[0]) && header.ends_with(expected[1]), "{header}");
        assert!(header.contains("Max-Age=1209600"), "{header}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_the_address_stays() {
    let deployment = Deployment::new().await;
    let page = deployment.post("", "/ui/sign-in", &[("email", OWNER), ("password", "Wrong-Horse-1")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("The password is wrong.") && page.text.contains(OWNER), "{}", page.text);
    assert!(!page.text.contains("Wrong-Horse-1") && page.cookie().is_none());
}

#[tokio::test]
async fn wrong_passwords_are_limited_together_with_those_at_the_api() {
    let guard = Arc::new(LoginGuard::new(Rate::new(1, 2), Rate::new(1, 2)));
    let settings =
        DashboardSettings { login_guard: Some(Arc::clone(&guard)), ..DashboardSettings::default() };
    let deployment = Deployment::with(settings, false).await;
    // One failure elsewhere, one here.
    drop(guard.admit(OWNER, None).await.unwrap());
    let wrong = [("email", OWNER), ("password", "Wrong-Horse-1")];
    assert_eq!(deployment.post("", "/ui/sign-in", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = deployment.post("", "/ui/sign-in", &[("email", OWNER), ("password", PASSWORD)]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "{}", page.text);
    assert!(page.headers.contains_key("retry-after") && page.text.contains("Too many wrong passwords"));
}

#[tokio::test]
async fn signing_out_ends_the_session_and_removes_the_cookie() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    assert_eq!(deployment.get(&cookie, "/ui").await.status, StatusCode::OK);
    let page = deployment.post(&cookie, "/ui/sign-out", &[]).await;
    assert_eq!(page.location(), "/ui/sign-in");
    assert!(page.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(deployment.get(&cookie, "/ui").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_that_ends_elsewhere_or_by_time_leads_to_signing_in() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let tokens = deployment.control.tokens(&deployment.owner).await.unwrap();
    let browser = tokens.iter().find(|token| token.name == "Browser").unwrap();
    deployment.control.revoke_token(&deployment.owner, browser.id).await.unwrap();
    let page = deployment.get(&cookie, "/ui/buckets").await;
    assert!(page.location().starts_with("/ui/sign-in?to="), "{}", page.location());
    let cookie = deployment.sign_in(OWNER).await;
    deployment.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(deployment.get(&cookie, "/ui").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_one_time_password_must_be_changed_before_anything_else() {
    let deployment = Deployment::with(DashboardSettings::default(), true).await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui/buckets").await;
    assert_eq!(page.location(), "/ui/password?to=%2Fui%2Fbuckets");
    let page = deployment.get(&cookie, page.location()).await;
    assert!(
        page.text.contains("one-time password") && !page.text.contains("currentPassword"),
        "{}",
        page.text
    );
    let weak = deployment.post(&cookie, "/ui/password", &[("password", "short")]).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(weak.text.contains("New password must have at least 8 characters"), "{}", weak.text);
    let same = deployment.post(&cookie, "/ui/password", &[("password", PASSWORD)]).await;
    assert!(same.text.contains("New password must differ from the one-time password."), "{}", same.text);
    let fields = [("password", "Another-Horse-2"), ("to", "/ui/buckets")];
    let changed = deployment.post(&cookie, "/ui/password", &fields).await;
    assert_eq!((changed.status, changed.location()), (StatusCode::SEE_OTHER, "/ui/buckets"));
    assert_eq!(deployment.get(&cookie, "/ui").await.status, StatusCode::SEE_OTHER, "the old value");
    let renewed = changed.cookie().unwrap();
    assert_eq!(deployment.get(&renewed, "/ui").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_api_accepts_no_cookie_and_the_pages_no_token() {
    let deployment = Deployment::new().await;
    let session =
        deployment.control.login(OWNER, bucketry_model::secret::Secret::new(PASSWORD), None).await.unwrap();
    let bearer = format!("Bearer {}", session.access_token);
    let page = deployment.send(Method::GET, "/ui", &[("authorization", &bearer)], "").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}
