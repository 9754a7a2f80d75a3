//! What pages show.

use bucketry_control::buckets::BucketInput;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::secret::Secret;
use http::StatusCode;
use jiff::SignedDuration;

use crate::deployment::{Deployment, OWNER};

#[tokio::test]
async fn an_empty_organization_sees_the_first_steps() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui").await;
    assert!(page.text.contains("Three steps to the first object"));
    for step in ["/ui/buckets/add", "/ui/repositories/new", "/ui/repositories"] {
        assert!(page.text.contains(&format!("href=\"{step}\"")), "{step}: {}", page.text);
    }
    deployment.user("guest@example.com", OrgRole::User, None).await;
    let guest = deployment.sign_in("guest@example.com").await;
    let page = deployment.get(&guest, "/ui").await;
    assert!(page.text.contains("No buckets yet") && !page.text.contains("/ui/buckets/add"), "{}", page.text);
}

#[tokio::test]
async fn an_overview_has_figures_a_chart_and_what_needs_attention() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui").await.text;
    for part in
        ["1 not seen", "Needs attention", "Show as table", "Busiest buckets", "Traffic in the last 24 hours"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let csv = deployment.get(&cookie, "/ui/traffic.csv?traffic=7d").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(csv.text.lines().count(), 8, "{}", csv.text);
}

#[tokio::test]
async fn what_is_stored_is_shown_where_it_was_measured_and_growth_elsewhere() {
    let deployment = Deployment::new().await;
    let photos = deployment.bucket("photos").await;
    deployment.bucket("videos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let list = deployment.get(&cookie, "/ui/buckets").await.text;
    assert!(list.contains(">Growth</th>") && !list.contains(">growth<"), "{list}");
    deployment.measure(photos, 3 << 30).await;
    let list = deployment.get(&cookie, "/ui/buckets").await.text;
    assert!(list.contains(">Stored</th>") && list.contains("3\u{a0}GiB"), "{list}");
    assert_eq!(list.matches(">growth<").count(), 1, "of the bucket that was not measured: {list}");
    let page = deployment.get(&cookie, "/ui").await.text;
    assert!(page.contains("<dt>Stored</dt>") && page.contains("3<small>GiB</small>"), "{page}");
    assert!(page.contains("In 1 of 2 buckets") && page.contains("0\u{a0}B in 30 days"), "{page}");

    let unmeasured = Deployment::new().await;
    unmeasured.bucket("photos").await;
    let cookie = unmeasured.sign_in(OWNER).await;
    let page = unmeasured.get(&cookie, "/ui").await.text;
    assert!(page.contains("Growth, 30 days") && !page.contains("Stored"), "{page}");
}

#[tokio::test]
async fn what_needs_attention_is_the_list_of_findings() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui").await.text;
    assert!(page.contains("Nothing needs attention."), "{page}");
    deployment.clock.advance(SignedDuration::from_hours(1));
    let findings = deployment.control.findings(&deployment.owner).await.unwrap();
    assert_eq!(findings.iter().map(|one| one.title.as_str()).collect::<Vec<_>>(), ["Node is silent"]);
    let page = deployment.get(&cookie, "/ui").await.text;
    for part in [
        "Node node-1 is silent",
        "It last reported at <time datetime=\"2026-03-01T10:00:00Z\"",
        "1 Mar 2026, 10:00 UTC</time>. ",
        "Check that it is running",
        ">Show node<",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn every_chart_can_be_downloaded() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    for (path, heading, lines) in [
        ("latency.csv?latency=7d", "start,median_ms,p99_ms,outage", 169),
        ("latency.csv?latency=30d", "start,mean_ms,p99_ms,outage", 31),
        ("availability.csv", "day,node,online_percent", 1),
        (
            "traffic.csv?traffic=7d",
            "start,downloaded_bytes,uploaded_bytes,requests,errors,size_change_bytes",
            8,
        ),
    ] {
        let csv = deployment.get(&cookie, &format!("/ui/buckets/{id}/{path}")).await;
        assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
        assert_eq!(
            (csv.text.lines().next(), csv.text.lines().count()),
            (Some(heading), lines),
            "{}",
            csv.text
        );
    }
    let latency = deployment.get(&cookie, &format!("/ui/buckets/{id}/latency.csv")).await.text;
    assert!(latency.contains("\n2026-03-01T10:00:00Z,,,false\n"), "times of RFC 3339: {latency}");
}

#[tokio::test]
async fn a_list_is_filtered_by_its_address_and_paged() {
    let deployment = Deployment::new().await;
    for number in 0..51 {
        deployment.bucket(&format!("bucket-{number:02}")).await;
    }
    let cookie = deployment.sign_in(OWNER).await;
    let names = |page: &str| page.matches("<td class=\"name\">").count();
    let first = deployment.get(&cookie, "/ui/buckets").await.text;
    assert_eq!(names(&first), 50);
    let start = first.find("/ui/buckets?after=").unwrap();
    let next: String = first[start..].chars().take_while(|letter| *letter != '"').collect();
    let second = deployment.get(&cookie, &next.replace("&amp;", "&")).await.text;
    assert_eq!(names(&second), 1);
    assert!(second.contains("First page") && second.contains("End of the list"));
    assert_eq!(names(&deployment.get(&cookie, "/ui/buckets?q=bucket-07").await.text), 1);
    let unseen = deployment.get(&cookie, "/ui/buckets?q=bucket-07+state:unseen").await.text;
    assert_eq!(names(&unseen), 1);
    let none = deployment.get(&cookie, "/ui/buckets?q=state:offline").await.text;
    assert!(
        none.contains("Nothing found") && none.contains("that are offline") && none.contains("Clear filters")
    );
    let wrong = deployment.get(&cookie, "/ui/buckets?state=broken").await;
    assert!(wrong.text.contains("State must be one of"), "{}", wrong.text);
}

#[tokio::test]
async fn controls_that_a_role_may_not_use_are_not_shown() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let reader = deployment.sign_in("reader@example.com").await;
    let page = deployment.get(&reader, &format!("/ui/buckets/{id}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("Check now") && !page.text.contains("/settings\">Edit"), "{}", page.text);
    let refused = deployment.get(&reader, &format!("/ui/buckets/{id}/settings")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.text.contains("You don’t have access") && refused.text.contains("role WRITE"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("data-copy=\"request-id\""), "{}", refused.text);
}

#[tokio::test]
async fn a_paste_fills_in_the_form_and_is_not_sent_back() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let paste = "s3://archive-2026\nAWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY";
    let page = deployment.post(&cookie, "/ui/buckets/add", &[("paste", paste), ("action", "read")]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(
        page.text.contains("value=\"archive-2026\"") && page.text.contains("secret found"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"));
    let page = deployment.post(&cookie, "/ui/buckets/add", &[("action", "add")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for label in ["Bucket is required.", "Provider is required."] {
        assert!(page.text.contains(label), "{label}: {}", page.text);
    }
}

#[tokio::test]
async fn removing_a_bucket_needs_its_name() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/buckets/{id}/delete");
    let refused = deployment.post(&cookie, &path, &[("confirm", "photo")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Name is not the name of this bucket."), "{}", refused.text);
    let removed = deployment.post(&cookie, &path, &[("confirm", "photos")]).await;
    assert_eq!(removed.location(), "/ui/buckets?done=bucket-deleted");
    let page = deployment.get(&cookie, removed.location()).await;
    assert!(page.text.contains("Its objects are still at the provider."), "{}", page.text);
    assert_eq!(deployment.get(&cookie, &format!("/ui/buckets/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_that_shows_an_old_state_does_not_overwrite_a_new_one() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/buckets/{id}/settings");
    let shown = deployment.get(&cookie, &path).await.field("shown");
    let theirs =
        BucketInput { region: Some("us-east-1".to_owned()), skip_validation: true, ..BucketInput::default() };
    deployment.control.update_bucket(&deployment.owner, id, &theirs).await.unwrap();
    let page = deployment.post(&cookie, &path, &[("shown", &shown), ("name", "mine")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("Somebody else has changed this bucket"), "{}", page.text);
    assert!(page.text.contains("value=\"mine\""), "the values that were entered stay");
    let both = &page.text[page.text.find("Your values, and what is stored now").unwrap()..];
    assert!(both.contains("<td class=\"wrap\">mine</td><td class=\"wrap\">photos</td>"), "{both}");
}

#[tokio::test]
async fn a_secret_that_was_entered_since_is_a_change_and_one_that_was_sealed_again_is_none() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/buckets/{id}/settings");
    let page = deployment.get(&cookie, &path).await;
    let shown = page.field("shown");
    let workspace = deployment.workspace.to_string();
    let fields = |name| {
        [
            ("shown", shown.as_str()),
            ("storageType", "s3"),
            ("bucket", "photos"),
            ("key", "AKID"),
            ("region", "eu-central-1"),
            ("endpoint", "https://s3.example.com"),
            ("workspaceId", &workspace),
            ("name", name),
        ]
    };
    deployment.seal_again(id).await;
    let saved = deployment.post(&cookie, &path, &fields("films")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);

    let shown = deployment.get(&cookie, &path).await.field("shown");
    deployment.clock.advance(SignedDuration::from_mins(1));
    let theirs = BucketInput {
        secret: Some(Secret::new("another-secret")),
        skip_validation: true,
        ..BucketInput::default()
    };
    deployment.control.update_bucket(&deployment.owner, id, &theirs).await.unwrap();
    let mut fields = fields("videos");
    fields[0].1 = &shown;
    let refused = deployment.post(&cookie, &path, &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Somebody else has changed this bucket"), "{}", refused.text);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_nowhere_again() {
    let deployment = Deployment::new().await;
    let (id, _) = deployment.repository("streaming").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/repositories/{id}");
    let fields = [("name", "laptop"), ("accessType", "WRITE")];
    let made = deployment.post(&cookie, &format!("{path}/keys"), &fields).await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let start = made.text.find("id=\"secret\"").unwrap();
    let value = made.text[start..].find("value=\"").unwrap() + start + 7;
    let secret: String = made.text[value..].chars().take_while(|letter| *letter != '"').collect();
    assert_eq!(secret.len(), 40, "{secret}");
    for path in [path.as_str(), "/ui/repositories", "/ui", "/ui/tokens"] {
        assert!(!deployment.get(&cookie, path).await.text.contains(&secret), "{path}");
    }
    assert!(deployment.get(&cookie, &path).await.text.contains("laptop"));
    let token = deployment.post(&cookie, "/ui/tokens", &[("name", "backup")]).await.text;
    assert!(token.contains("value=\"bkt_"), "{token}");
    assert!(!deployment.get(&cookie, "/ui/tokens").await.text.contains("bkt_"));
}

#[tokio::test]
async fn this_browser_is_marked_and_can_be_signed_out() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let page = deployment.get(&cookie, "/ui/tokens").await.text;
    assert_eq!(page.matches("This browser").count(), 1, "{page}");
    let before = &page[..page.find(">Sign out").unwrap()];
    let start = before.rfind("/ui/tokens/").unwrap();
    let path: String = before[start..].chars().take_while(|letter| *letter != '"').collect();
    deployment.post(&cookie, &path, &[]).await;
    assert_eq!(deployment.get(&cookie, "/ui").await.status, StatusCode::SEE_OTHER);
}

/// The value of an attribute, the first one in the page.
fn attribute(page: &str, name: &str) -> String {
    let start = page.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    page[start..].chars().take_while(|letter| *letter != '"').collect()
}

#[tokio::test]
async fn the_checks_of_a_new_bucket_are_followed_by_whoever_began_them() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let workspace = deployment.workspace.to_string();
    let fields = [
        ("action", "check"),
        ("follow", "yes"),
        ("storageType", "s3"),
        ("bucket", "photos"),
        ("endpoint", "https://s3.example.com"),
        ("key", "AKID"),
        ("secret", "the-plain-secret"),
        ("workspaceId", &workspace),
    ];
    let page = deployment.post(&cookie, "/ui/buckets/add", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(!page.text.contains("the-plain-secret"), "the secret is not sent back");
    assert!(page.text.contains("arn:aws:s3:::photos"), "the policy has the bucket's name");
    let follow = attribute(&page.text, "data-follow");
    let address = follow.split('?').next().unwrap();
    let page = deployment.get(&cookie, address).await;
    assert_eq!((page.status, page.text.matches("not tried").count()), (StatusCode::OK, 9), "{}", page.text);
    deployment.user("writer@example.com", OrgRole::User, Some(WorkspaceRole::Write)).await;
    let other = deployment.sign_in("writer@example.com").await;
    assert_eq!(deployment.get(&other, address).await.status, StatusCode::NOT_FOUND);

    let wrong = deployment.post(&cookie, "/ui/buckets/add", &[("action", "check"), ("follow", "yes")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Bucket is required.") && !wrong.text.contains("data-follow="));
}

#[tokio::test]
async fn the_checks_of_a_bucket_are_followed_by_those_who_may_make_them() {
    let deployment = Deployment::new().await;
    let id = deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let begun = deployment.post(&cookie, &format!("/ui/buckets/{id}/check"), &[("follow", "yes")]).await;
    let address = begun.location().to_owned();
    assert!(address.starts_with(&format!("/ui/buckets/{id}/check/")), "{address}");
    let page = deployment.get(&cookie, &address).await;
    assert_eq!(attribute(&page.text, "data-follow"), format!("{address}?after=0"));
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let reader = deployment.sign_in("reader@example.com").await;
    assert_eq!(deployment.get(&reader, &address).await.status, StatusCode::FORBIDDEN);
    let other = deployment.bucket("films").await;
    let elsewhere = address.replace(&id.to_string(), &other.to_string());
    assert_eq!(deployment.get(&cookie, &elsewhere).await.status, StatusCode::NOT_FOUND);
}
