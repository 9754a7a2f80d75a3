//! The stream of changes, and pages that are read again.

use std::time::Duration;

use axum::body::Body;
use bucketry_control::buckets::BucketInput;
use bucketry_dashboard::DashboardSettings;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::deployment::{Deployment, OWNER};

/// The next message of a stream. `None` at its end.
async fn next(body: &mut Body) -> Option<String> {
    let frame = timeout(Duration::from_mins(1), body.frame()).await.unwrap()?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_stream_names_what_changes_and_ends_with_the_session() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let (head, mut body) = deployment.open(&cookie, "/ui/live").await.into_parts();
    assert_eq!(
        (head.status, &head.headers["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    assert!(!head.headers.contains_key("content-encoding"), "compression would hold events back");
    assert_eq!(next(&mut body).await.unwrap(), "retry: 3000\n: open\n\n");
    deployment.bucket("photos").await;
    assert_eq!(next(&mut body).await.unwrap(), "data: buckets attention\n\n");
    deployment.post(&cookie, "/ui/sign-out", &[]).await;
    deployment.bucket("videos").await;
    assert_eq!(next(&mut body).await, None, "whoever signed out learns nothing more");
}

#[tokio::test]
async fn a_page_of_a_bucket_learns_of_that_bucket_only() {
    let deployment = Deployment::new().await;
    let [photos, videos] = [deployment.bucket("photos").await, deployment.bucket("videos").await];
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, &format!("/ui/buckets/{photos}")).await.text;
    assert!(page.contains(&format!("data-refresh=\"bucket/{photos}\"")), "{page}");
    assert!(!page.contains("data-refresh=\"buckets"), "other buckets are none of its business: {page}");
    let path = format!("/ui/live?bucket=nonsense&bucket={photos}");
    let mut body = deployment.open(&cookie, &path).await.into_body();
    next(&mut body).await.unwrap();
    let rename = async |id, name: &str| {
        let input = BucketInput { name: Some(name.to_owned()), ..BucketInput::default() };
        deployment.control.update_bucket(&deployment.owner, id, &input).await.unwrap();
    };
    rename(videos, "films").await;
    assert_eq!(next(&mut body).await.unwrap(), "data: buckets attention\n\n");
    rename(photos, "pictures").await;
    assert_eq!(next(&mut body).await.unwrap(), format!("data: buckets attention bucket/{photos}\n\n"));
}

#[tokio::test]
async fn a_session_has_six_streams_at_most() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(deployment.open(&cookie, "/ui/live").await);
    }
    assert!(streams.iter().all(|stream| stream.status() == StatusCode::OK));
    let refused = deployment.open(&cookie, "/ui/live").await;
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"60".parse().unwrap())
    );
    let other = deployment.sign_in(OWNER).await;
    assert_eq!(deployment.open(&other, "/ui/live").await.status(), StatusCode::OK, "another session");
    streams.pop();
    assert_eq!(deployment.open(&cookie, "/ui/live").await.status(), StatusCode::OK, "one was closed");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let settings = DashboardSettings::default();
    let closing = settings.closing.clone();
    let deployment = Deployment::with(settings, false).await;
    let cookie = deployment.sign_in(OWNER).await;
    let mut body = deployment.open(&cookie, "/ui/live").await.into_body();
    assert!(next(&mut body).await.is_some());
    closing.cancel();
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test]
async fn a_page_that_is_read_again_is_sent_only_if_it_differs() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let again = async |tag: &str| {
        let headers = [("cookie", cookie.as_str()), ("bucketry-fragment", "main"), ("if-none-match", tag)];
        deployment.send(Method::GET, "/ui/buckets", &headers, "").await
    };
    let first = again("").await;
    assert!(first.text.contains("photos") && first.text.contains("id=\"list\""), "{}", first.text);
    assert!(
        !first.text.contains("<html") && !first.text.contains("<nav class=\"nav\""),
        "the main part only"
    );
    let tag = first.headers["etag"].to_str().unwrap();
    let same = again(tag).await;
    assert_eq!((same.status, same.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    deployment.bucket("videos").await;
    let changed = again(tag).await;
    assert!(changed.status == StatusCode::OK && changed.text.contains("videos"), "{}", changed.text);
    let whole = deployment.get(&cookie, "/ui/buckets").await;
    assert!(whole.text.contains("<html") && !whole.headers.contains_key("etag"));
}
