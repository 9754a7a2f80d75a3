//! Names with markup, right-to-left text and the longest length.

use bucketry_control::accounts::AccountInput;
use http::StatusCode;

use crate::deployment::{Deployment, OWNER};

const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "\u{639}\u{631}\u{628}\u{64a} \u{202e}txt.exe & more",
    "'; alert(1); //",
];

#[tokio::test]
async fn names_are_text_wherever_they_appear() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let long = "n".repeat(255);
    for name in HOSTILE.into_iter().chain([long.as_str()]) {
        // Some of these are refused as names, which is as good.
        drop(deployment.control.create_workspace(&deployment.owner, name).await);
    }
    let mut ids = Vec::new();
    for name in ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", long.as_str()] {
        ids.push(deployment.bucket(name).await);
    }
    let channel = deployment.channel("<script>alert(1)</script>").await;
    let (repository, _) = deployment.repository("<script>alert(1)</script>").await;
    let own = deployment.owner.user_id;
    let names = AccountInput {
        first_name: Some("<script>alert(1)</script>".to_owned()),
        last_name: Some("\"><img src=x onerror=alert(1)>".to_owned()),
        ..AccountInput::default()
    };
    deployment.control.update_account(&deployment.owner, own, names).await.unwrap();
    let mut pages: Vec<String> =
        ["", "/buckets", "/buckets/add", "/workspaces", "/people", "/audit", "/notifications"]
            .map(|path| format!("/ui{path}"))
            .into();
    pages.extend(
        ["/repositories", "/tokens", "/settings", "/notifications/silences/new"]
            .map(|path| format!("/ui{path}")),
    );
    pages.push(format!("/ui/workspaces/{}", deployment.workspace));
    pages.push(format!("/ui/people/{own}"));
    pages.push(format!("/ui/notifications/{channel}"));
    pages.push(format!("/ui/repositories/{repository}"));
    for id in ids {
        for tab in ["", "/activity", "/connect", "/inventory", "/settings"] {
            pages.push(format!("/ui/buckets/{id}{tab}"));
        }
    }
    for path in pages {
        let page = deployment.get(&cookie, &path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{path}");
    }
    let list = deployment.get(&cookie, "/ui/buckets").await.text;
    assert!(list.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && list.contains(&long), "{list}");
}

#[tokio::test]
async fn what_a_query_or_a_form_contains_is_text() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    for path in [
        "/ui/buckets?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui/buckets?state=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui?done=%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui/sign-in?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui/%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui/audit?user=%3Cscript%3Ealert(1)%3C/script%3E&since=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui/repositories?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/ui/notifications/new?kind=%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        for cookie in [cookie.as_str(), ""] {
            let page = deployment.get(cookie, path).await;
            assert!(!page.text.contains("<script>alert"), "{path}: {}", page.text);
        }
    }
    let fields = [
        ("paste", "AWS_SECRET_ACCESS_KEY=hunter2-and-more"),
        ("bucket", "\"><script>alert(1)</script>"),
        ("action", "read"),
    ];
    let page = deployment.post(&cookie, "/ui/buckets/add", &fields).await;
    assert!(!page.text.contains("<script>alert") && !page.text.contains("hunter2"), "{}", page.text);
}
