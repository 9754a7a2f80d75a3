//! Notification channels, their messages and silences.

use bucketry_model::notification::DeliveryState;
use bucketry_model::role::{OrgRole, WorkspaceRole};
use bucketry_model::time::Clock as _;
use bucketry_store::notification::DeliveryAttempt;
use http::StatusCode;
use jiff::SignedDuration;

use crate::deployment::{Deployment, OWNER};

const OFFLINE: (&str, &str) = ("rule-BUCKET_OFFLINE", "yes");

#[tokio::test]
async fn a_channel_of_each_kind_is_added_and_its_secrets_are_nowhere() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let empty = deployment.get(&cookie, "/ui/notifications").await.text;
    assert!(empty.contains("No channels yet") && empty.contains("Every channel is notified"), "{empty}");
    let url = ("url", "https://hooks.example.com/hush-hush");
    let secret = ("secret", "hush-hush-hush-hush");
    let mail = [
        ("host", "smtp.example.com"),
        ("port", ""),
        ("security", "STARTTLS"),
        ("username", "bucketry"),
        ("from", "bucketry@example.com"),
        ("to", "ops@example.com, cto@example.com"),
        secret,
    ];
    for (kind, fields) in [
        ("WEBHOOK", [url, secret].as_slice()),
        ("SLACK", &[url]),
        ("ALERTMANAGER", &[url, secret]),
        ("EMAIL", &mail),
    ] {
        let form = deployment.get(&cookie, &format!("/ui/notifications/new?kind={kind}")).await;
        assert_eq!(form.status, StatusCode::OK);
        assert!(form.text.contains(&format!("value=\"{kind}\"")), "{kind}");
        let all: Vec<_> =
            [("kind", kind), ("name", kind), OFFLINE].into_iter().chain(fields.iter().copied()).collect();
        let made = deployment.post(&cookie, "/ui/notifications", &all).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{kind}: {}", made.text);
        let page = deployment.get(&cookie, made.location()).await.text;
        assert!(page.contains("The channel was added.") && page.contains(kind), "{page}");
        assert!(!page.contains("hush"), "{page}");
    }
    let list = deployment.get(&cookie, "/ui/notifications").await.text;
    assert!(
        list.contains("ops@example.com and 1 more") && list.contains("https://hooks.example.com"),
        "{list}"
    );
    assert!(!list.contains("hush"));
}

#[tokio::test]
async fn what_is_wrong_with_a_channel_is_said_at_its_fields() {
    let deployment = Deployment::new().await;
    let cookie = deployment.sign_in(OWNER).await;
    let fields =
        [("kind", "WEBHOOK"), ("name", "pager"), ("url", "ftp://example.com"), ("secret", "hush"), OFFLINE];
    let refused = deployment.post(&cookie, "/ui/notifications", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text.contains("href=\"#url\"") && refused.text.contains("value=\"pager\""),
        "{}",
        refused.text
    );
    assert!(!refused.text.contains("hush"));
    let nothing = [("kind", "SLACK"), ("name", "pager"), ("url", "https://hooks.example.com/x")];
    let refused = deployment.post(&cookie, "/ui/notifications", &nothing).await;
    assert!(refused.text.contains("About must have at least one choice"), "{}", refused.text);
}

#[tokio::test]
async fn a_test_shows_what_the_receiver_answered() {
    let deployment = Deployment::new().await;
    let channel = deployment.channel("pager").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/notifications/{channel}");
    let sent = deployment.post(&cookie, &format!("{path}/test"), &[]).await;
    assert!(sent.location().starts_with(&format!("{path}?tested=")), "{}", sent.location());
    let waiting = deployment.get(&cookie, sent.location()).await.text;
    assert!(waiting.contains("The test is on its way"), "{waiting}");
    let lease = deployment.clock.now() + SignedDuration::from_secs(30);
    let claimed = deployment.control.claim_delivery(lease).await.unwrap().unwrap();
    let attempt = DeliveryAttempt {
        id: claimed.stored.id,
        state: DeliveryState::Failed,
        status: Some(503),
        error: Some("the receiver is <busy>".to_owned()),
        next_at: None,
        is_deferred: false,
    };
    assert!(deployment.control.settle_delivery(&claimed.claim, &attempt).await.unwrap());
    let failed = deployment.get(&cookie, sent.location()).await.text;
    for part in [
        "The test was not delivered",
        "The receiver is &lt;busy&gt;.",
        "HTTP 503",
        "Test of the notification channel pager",
    ] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    let list = deployment.get(&cookie, "/ui/notifications").await.text;
    assert!(list.contains("Failed") && list.contains("HTTP 503"), "{list}");
}

#[tokio::test]
async fn a_channel_is_changed_disabled_and_removed() {
    let deployment = Deployment::new().await;
    let channel = deployment.channel("pager").await;
    let cookie = deployment.sign_in(OWNER).await;
    let path = format!("/ui/notifications/{channel}");
    let changed = deployment.post(&cookie, &path, &[("name", "on call"), OFFLINE]).await;
    assert_eq!(changed.location(), format!("{path}?done=channel-changed"), "{}", changed.text);
    let page = deployment.get(&cookie, &path).await.text;
    assert!(page.contains("on call") && page.contains("Disabled") && !page.contains("Send a test"), "{page}");
    assert!(
        page.contains("id=\"rule-BUCKET_OFFLINE\" name=\"rule-BUCKET_OFFLINE\" value=\"yes\" checked"),
        "{page}"
    );
    assert_eq!(page.matches("checked").count(), 1, "the other boxes are empty: {page}");
    let stored = deployment.control.notification_channels(&deployment.owner, None).await.unwrap();
    assert!(stored[0].has_secret && !stored[0].enabled, "the address stays");
    let stale = [("name", "mine"), ("version", "2026-01-01T00:00:00Z"), OFFLINE];
    let stale = deployment.post(&cookie, &path, &stale).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        stale.text.contains("Somebody else has changed this channel")
            && stale.text.contains("value=\"mine\"")
    );
    let wrong = deployment.post(&cookie, &format!("{path}/delete"), &[("confirm", "call")]).await;
    assert!(wrong.text.contains("Name is not the name of this channel."), "{}", wrong.text);
    let removed = deployment.post(&cookie, &format!("{path}/delete"), &[("confirm", "on call")]).await;
    assert_eq!(removed.location(), "/ui/notifications?done=channel-deleted");
    assert_eq!(deployment.get(&cookie, &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_silence_is_added_and_ended() {
    let deployment = Deployment::new().await;
    deployment.bucket("photos").await;
    let cookie = deployment.sign_in(OWNER).await;
    let add = "/ui/notifications/silences";
    let wrong =
        deployment.post(&cookie, add, &[("endsAt", "4"), ("bucket", "films"), ("window", "night")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Bucket is not the name of one of your buckets."), "{}", wrong.text);
    let fields = [
        ("endsAt", "24"),
        ("bucket", "photos"),
        ("code", "BUCKET_OFFLINE"),
        ("window", "22:00-05:00"),
        ("comment", "moving <house>"),
    ];
    let added = deployment.post(&cookie, add, &fields).await;
    assert_eq!(added.location(), "/ui/notifications?done=silence-created", "{}", added.text);
    let page = deployment.get(&cookie, "/ui/notifications").await.text;
    for part in [
        "A bucket is offline, bucket photos",
        "daily 22:00-05:00 UTC",
        "moving &lt;house&gt;",
        "2 Mar 2026, 10:00 UTC",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let start = page.find("/ui/notifications/silences/0").unwrap();
    let end: String = page[start..].chars().take_while(|letter| *letter != '"').collect();
    assert_eq!(deployment.post(&cookie, &end, &[]).await.location(), "/ui/notifications?done=silence-ended");
    assert!(!deployment.get(&cookie, "/ui/notifications").await.text.contains("moving"));
}

#[tokio::test]
async fn a_reader_sees_what_was_sent_and_changes_nothing() {
    let deployment = Deployment::new().await;
    let channel = deployment.channel("pager").await;
    deployment.user("reader@example.com", OrgRole::User, Some(WorkspaceRole::Read)).await;
    let reader = deployment.sign_in("reader@example.com").await;
    let path = format!("/ui/notifications/{channel}");
    let list = deployment.get(&reader, "/ui/notifications").await.text;
    assert!(list.contains("pager") && !list.contains("Add channel") && !list.contains("Add silence"));
    let page = deployment.get(&reader, &path).await.text;
    assert!(
        page.contains("Nothing was sent yet")
            && !page.contains("Send a test")
            && !page.contains("Settings</h2>")
    );
    for action in ["", "/test", "/delete"] {
        let refused = deployment.post(&reader, &format!("{path}{action}"), &[]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{action}");
        assert!(refused.text.contains("role ADMIN"), "{action}: {}", refused.text);
    }
    for form in ["/ui/notifications/new", "/ui/notifications/silences/new"] {
        let refused = deployment.get(&reader, form).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.text.contains("ask an ADMIN of a workspace"), "{}", refused.text);
    }
}
