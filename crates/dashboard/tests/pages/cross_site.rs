//! Requests that another site makes a browser send, and the headers that restrict pages.

use bucketry_dashboard::{DashboardSettings, PublicUrl, page_paths};
use http::{Method, StatusCode};

use crate::deployment::{Deployment, OWNER, PASSWORD, form};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn every_form_is_refused_unless_it_comes_from_an_own_page() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    for path in page_paths().iter().filter(|path| path.method == "POST") {
        let refused: [&[(&str, &str)]; 6] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://evil.example.com")],
            &[("origin", "null")],
            &[],
        ];
        for headers in refused {
            let mut headers = headers.to_vec();
            headers.extend([FORM, ("cookie", cookie.as_str())]);
            let page = deployment.send(Method::POST, path.path, &headers, "theme=dark").await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{} {headers:?}", path.path);
            assert!(page.text.contains("did not come from this dashboard"), "{}", page.text);
            assert!(page.text.contains("--public-url"), "it names the setting: {}", page.text);
        }
    }
    // The session still exists: nothing was signed out.
    assert_eq!(deployment.get(&cookie, "/ui").await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_in_is_checked_too() {
    let deployment = Deployment::new().await;
    let body = form(&[("email", OWNER), ("password", PASSWORD)]);
    for (headers, status) in [
        (vec![("sec-fetch-site", "same-origin")], StatusCode::SEE_OTHER),
        (vec![("origin", "http://nas.local:8080")], StatusCode::SEE_OTHER),
        (vec![("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (vec![], StatusCode::FORBIDDEN),
    ] {
        let mut headers = headers;
        headers.push(FORM);
        let page = deployment.send(Method::POST, "/ui/sign-in", &headers, &body).await;
        assert_eq!(page.status, status, "{headers:?}");
        assert_eq!(page.cookie().is_some(), status == StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn behind_a_proxy_the_public_address_is_an_own_page() {
    let public_url = Some(PublicUrl::parse("https://storage.example.com/objects").unwrap());
    let settings = DashboardSettings { public_url, ..DashboardSettings::default() };
    let deployment = Deployment::with(settings, false).await;
    let body = form(&[("email", OWNER), ("password", PASSWORD)]);
    let sent = |origin: &'static str| {
        let (deployment, body) = (&deployment, body.as_str());
        async move { deployment.send(Method::POST, "/ui/sign-in", &[FORM, ("origin", origin)], body).await }
    };
    let page = sent("https://storage.example.com").await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/objects/ui"));
    assert_eq!(sent("http://storage.example.com").await.status, StatusCode::FORBIDDEN);
    let page = deployment.get("", "/ui/buckets?q=a").await;
    assert_eq!(page.location(), "/objects/ui/sign-in?to=%2Fobjects%2Fui%2Fbuckets%3Fq%3Da");
}

#[tokio::test]
async fn every_response_restricts_what_a_page_may_do() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    for path in ["/ui", "/ui/sign-in", "/ui/nothing", "/ui/buckets", "/ui/buckets/not-an-id"] {
        let page = deployment.get(&cookie, path).await;
        let header = |name: &str| page.headers[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types bucketry",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("referrer-policy"), "same-origin", "with no-referrer, Origin would be null");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert!(!page.text.contains(" style="), "{path} has an inline style");
        assert!(
            !page.text.contains("<script>") && !page.text.contains(" onclick"),
            "{path} has an inline script"
        );
    }
}

#[tokio::test]
async fn assets_are_kept_for_a_year_under_the_address_of_their_version() {
    let deployment = Deployment::new().await;
    let page = deployment.get("", "/ui/sign-in").await;
    let start = page.text.find("/ui/assets/").unwrap();
    let address: String = page.text[start..].chars().take_while(|letter| *letter != '"').collect();
    let asset = deployment.get("", &address).await;
    assert_eq!(asset.status, StatusCode::OK, "{address}");
    assert!(asset.headers["cache-control"].to_str().unwrap().contains("immutable"));
    let old = deployment.get("", "/ui/assets/0123456789abcdef/app.css").await;
    assert_eq!((old.status, old.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    assert_eq!(deployment.get("", "/ui/assets/0/../../x").await.cookie(), None);
    assert_eq!(deployment.get("", "/ui/assets/0/secret.key").await.status, StatusCode::NOT_FOUND);
}
