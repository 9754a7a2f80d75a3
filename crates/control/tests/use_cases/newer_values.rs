//! What a server does with values that only a newer version knows, which shares the database while servers are upgraded.

use crate::support::{FakeNode, TestContext, sent};
use bucketry_control::freshness::FreshnessInput;
use bucketry_control::notifications::{ChannelInput, RuleInput};
use bucketry_control::repositories::KeyInput;
use bucketry_control::tokens::NewApiToken;
use bucketry_control::{Error, ResourceKind};
use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::bucket::StorageType;
use bucketry_model::diagnosis::CheckCode;
use bucketry_model::id::BucketId;
use bucketry_model::node_protocol::{BucketStatus, Heartbeat, SyncAnswer};
use bucketry_model::notification::NotificationKind;
use bucketry_model::role::{Caller, Visibility, WorkspaceRole};
use bucketry_model::secret::Secret;
use bucketry_model::status::{ProbeFailure, ProbedStatus, Status};
use bucketry_model::time::Clock as _;
use bucketry_store::audit::AuditFilter;
use bucketry_store::listing::BucketFilter;
use jiff::SignedDuration;

/// The SQL that sets a column, and the one that says so to nodes.
fn change_of(
    cx: &TestContext,
    table: &str,
    id: &str,
    column: &str,
    value: &str,
    subject: &str,
) -> [String; 2] {
    let kind = if table == "buckets" { "BUCKET" } else { "REPOSITORY" };
    let org_id = cx.owner.org_id;
    [
        format!("UPDATE {table} SET {column} = '{value}' WHERE id = '{id}'; "),
        format!(
            "INSERT INTO changes (org_id, kind, subject_id, at) VALUES ('{org_id}', '{kind}', '{subject}', 1)"
        ),
    ]
}

/// How many buckets and repositories an answer contains. None may be gone.
fn changed(answer: &SyncAnswer) -> (usize, usize) {
    assert!(
        !answer.snapshot && answer.removed.is_empty() && answer.removed_repositories.is_empty(),
        "{answer:?}"
    );
    (answer.buckets.len(), answer.repositories.len())
}

#[tokio::test]
async fn a_node_keeps_what_it_has_until_a_server_can_read_what_changed() {
    let cx = TestContext::new().await;
    let bucket = cx.unchecked("Photos").await;
    let repository = cx.repository_of("Main", &[(bucket, "")]).await;
    let key = KeyInput { name: Some("ci".to_owned()), access: Some("READ".to_owned()) };
    let key = cx.control.create_repository_key(&cx.owner, repository, &key).await.unwrap().id;
    let mut known = cx.node.sync("", 0).await.unwrap().cursor;
    for (table, id, column, now, later) in [
        ("buckets", bucket.to_string(), "storage_type", "S3", "MOON"),
        ("repositories", repository.to_string(), "storage_type", "S3", "MOON"),
        ("repositories", repository.to_string(), "mode", "NORMAL", "QUANTUM"),
        ("repository_keys", key.to_string(), "access", "READ", "GLANCE"),
    ] {
        let of = format!("{table}.{column}");
        let subject = if table == "buckets" { bucket.to_string() } else { repository.to_string() };
        cx.newer_version_writes(&change_of(&cx, table, &id, column, later, &subject).concat()).await;
        let snapshot = cx.node.sync("", 0).await;
        assert!(matches!(snapshot, Err(Error::Internal(_))), "{of}: {snapshot:?}");
        for _ in 0..2 {
            let answer = cx.node.sync(&known, 0).await.unwrap();
            assert_eq!(changed(&answer), (0, 0), "{of}");
            known = answer.cursor;
        }
        // A server of the newer version can read it although nothing is changed again.
        let [same, _] = change_of(&cx, table, &id, column, now, &subject);
        cx.newer_version_writes(&same).await;
        let answer = cx.node.sync(&known, 0).await.unwrap();
        assert_eq!(changed(&answer), if table == "buckets" { (1, 0) } else { (0, 1) }, "{of}");
        let after = cx.node.sync(&answer.cursor, 0).await.unwrap();
        assert_eq!(changed(&after), (0, 0), "{of}: it was sent");
        known = after.cursor;
    }
}

#[tokio::test]
async fn what_cannot_be_read_holds_up_nothing_else() {
    let cx = TestContext::new().await;
    let [photos, gone] = [cx.unchecked("Photos").await, cx.unchecked("Gone").await];
    let repository = cx.repository_of("Main", &[(photos, "")]).await;
    let key = KeyInput { name: Some("leaked".to_owned()), access: Some("READ".to_owned()) };
    let leaked = cx.control.create_repository_key(&cx.owner, repository, &key).await.unwrap().id;
    let known = cx.node.sync("", 0).await.unwrap().cursor;
    for id in [photos, gone] {
        let id = id.to_string();
        cx.newer_version_writes(&change_of(&cx, "buckets", &id, "storage_type", "MOON", &id).concat()).await;
    }
    cx.control.revoke_repository_key(&cx.owner, repository, leaked).await.unwrap();
    cx.unchecked("Films").await;
    let answer = cx.node.sync(&known, 0).await.unwrap();
    assert_eq!(changed(&answer), (1, 1));
    assert!(answer.repositories[0].keys.is_empty());

    // What is held back is no news.
    let asked = std::time::Instant::now();
    let held = cx.node.sync(&answer.cursor, 1).await.unwrap();
    assert_eq!(changed(&held), (0, 0));
    assert!(asked.elapsed() >= std::time::Duration::from_millis(900), "{:?}", asked.elapsed());

    let [_, change] = change_of(&cx, "buckets", "", "", "", &gone.to_string());
    cx.newer_version_writes(&format!("UPDATE buckets SET deleted_at = 1 WHERE id = '{gone}'; {change}"))
        .await;
    let answer = cx.node.sync(&held.cursor, 0).await.unwrap();
    assert_eq!((answer.removed.as_slice(), answer.buckets.len()), ([gone].as_slice(), 0));
    set_type(&cx, photos, "S3").await;
    assert_eq!(changed(&cx.node.sync(&answer.cursor, 0).await.unwrap()), (1, 0));
}

#[tokio::test]
async fn a_node_waits_for_a_newer_server_if_too_much_cannot_be_read() {
    let cx = TestContext::new().await;
    let known = cx.node.sync("", 0).await.unwrap().cursor;
    for number in 0..51 {
        cx.unchecked(&format!("Bucket {number}")).await;
    }
    cx.newer_version_writes("UPDATE buckets SET storage_type = 'MOON'").await;
    let answer = cx.node.sync(&known, 0).await;
    assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
    cx.newer_version_writes("UPDATE buckets SET storage_type = 'S3' WHERE name = 'Bucket 7'").await;
    let answer = cx.node.sync(&known, 0).await.unwrap();
    assert_eq!(changed(&answer), (1, 0));
    cx.newer_version_writes("UPDATE buckets SET storage_type = 'S3'").await;
    assert_eq!(changed(&cx.node.sync(&answer.cursor, 0).await.unwrap()), (50, 0));
}

#[tokio::test]
async fn a_node_passes_no_change_of_a_kind_that_its_server_does_not_know() {
    let cx = TestContext::new().await;
    let known = cx.node.sync("", 0).await.unwrap().cursor;
    let sql = "INSERT INTO changes (org_id, kind, subject_id, at) VALUES ('{}', 'COMET', 'x', 1)";
    cx.newer_version_writes(&sql.replace("{}", &cx.owner.org_id.to_string())).await;
    cx.unchecked("Photos").await;
    for _ in 0..2 {
        let answer = cx.node.sync(&known, 0).await;
        assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
    }
    cx.newer_version_writes("UPDATE changes SET kind = 'BUCKET', subject_id = org_id WHERE kind = 'COMET'")
        .await;
    assert_eq!(cx.node.sync(&known, 0).await.unwrap().buckets.len(), 1);
}

fn report(cx: &TestContext, bucket_id: BucketId, status: ProbedStatus) -> BucketStatus {
    let failure = ProbeFailure { code: CheckCode::BucketNotFound, message: "it is gone".to_owned() };
    BucketStatus {
        bucket_id,
        status,
        latency_ms: (status == ProbedStatus::Online).then_some(5),
        created_at: cx.clock.now(),
        failure: (status == ProbedStatus::Offline).then_some(failure),
        version: None,
    }
}

/// Makes a bucket one of a type that only a newer version knows, or one of type S3 again.
async fn set_type(cx: &TestContext, id: BucketId, storage_type: &str) {
    let sql = format!(
        "UPDATE facets SET storage_type = '{storage_type}' WHERE number IN (SELECT facet FROM bucket_facets WHERE bucket_id = '{id}'); \
         UPDATE buckets SET storage_type = '{storage_type}' WHERE id = '{id}'"
    );
    cx.newer_version_writes(&sql).await;
}

#[tokio::test]
async fn nothing_is_recorded_about_a_bucket_that_cannot_be_listed_with_it() {
    let cx = TestContext::new().await;
    let (moon, photos) = (cx.unchecked("Moon").await, cx.unchecked("Photos").await);
    let beat = async |status| {
        cx.clock.advance(SignedDuration::from_secs(20));
        cx.node.beat(vec![report(&cx, moon, status), report(&cx, photos, status)]).await.unwrap();
    };
    let status = async |id| cx.control.bucket_status(&cx.owner, id).await.unwrap()[0].status;
    beat(ProbedStatus::Online).await;
    cx.newer_version_writes(&format!("UPDATE buckets SET storage_type = 'MOON' WHERE id = '{moon}'")).await;
    beat(ProbedStatus::Offline).await;
    cx.newer_version_writes(&format!("UPDATE buckets SET storage_type = 'S3' WHERE id = '{moon}'")).await;
    assert_eq!((status(moon).await, status(photos).await), (Status::Online, Status::Offline));
    beat(ProbedStatus::Offline).await;
    assert_eq!(status(moon).await, Status::Offline);
}

#[tokio::test]
async fn a_node_withdraws_its_report_on_a_bucket_that_cannot_be_read() {
    let cx = TestContext::new().await;
    let photos = cx.unchecked("Photos").await;
    cx.node.beat(vec![report(&cx, photos, ProbedStatus::Offline)]).await.unwrap();
    let listed = async || {
        let (visible, filter) = (Visibility::Organization, BucketFilter::default());
        let kinds = cx.control.store().count_facets(cx.owner.org_id, &visible, &filter, 10).await.unwrap();
        kinds.into_iter().map(|kind| (kind.storage_type, kind.reports.len())).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [(StorageType::S3, 1)]);
    set_type(&cx, photos, "MOON").await;
    let heartbeat = Heartbeat { released: vec![photos], ..FakeNode::heartbeat(vec![]) };
    cx.control.heartbeat(sent(&cx.node.signed("/node/status", &heartbeat))).await.unwrap();
    assert_eq!(listed().await, [], "it stays one of the other type");
    set_type(&cx, photos, "S3").await;
    assert_eq!(listed().await, [(StorageType::S3, 0)]);
}

#[tokio::test]
async fn an_outage_is_not_reported_as_resolved_because_its_bucket_cannot_be_read() {
    let cx = TestContext::new().await;
    let photos = cx.unchecked("Photos").await;
    let rule = FreshnessInput {
        prefix: Some("backups/".to_owned()),
        max_age_seconds: Some(86_400),
        ..FreshnessInput::default()
    };
    cx.control.set_freshness_rule(&cx.owner, photos, &rule).await.unwrap();
    cx.newer_version_writes("UPDATE freshness_rules SET newest_at = 1, stale_since = 1").await;
    let channel = cx.control.create_channel(&cx.owner, &channel("BUCKET_OFFLINE")).await.unwrap().id;
    let pass = async |status: Option<ProbedStatus>| {
        for _ in 0..60 {
            cx.clock.advance(SignedDuration::from_secs(20));
            let reports = status.map(|status| report(&cx, photos, status)).into_iter().collect();
            cx.node.beat(reports).await.unwrap();
            cx.control.look_for_conditions().await.unwrap();
        }
        cx.control.tidy().await.unwrap();
        let mut sent = cx.control.deliveries(&cx.owner, channel, None, 100).await.unwrap();
        sent.reverse();
        sent.into_iter().map(|one| one.kind).collect::<Vec<_>>()
    };
    assert_eq!(pass(Some(ProbedStatus::Offline)).await, [NotificationKind::Alerting]);
    set_type(&cx, photos, "MOON").await;
    assert_eq!(pass(None).await, [NotificationKind::Alerting]);
    set_type(&cx, photos, "S3").await;
    assert_eq!(pass(Some(ProbedStatus::Offline)).await, [NotificationKind::Alerting]);
    let ended = [NotificationKind::Alerting, NotificationKind::Resolved];
    assert_eq!(pass(Some(ProbedStatus::Online)).await, ended);
}

#[tokio::test]
async fn findings_are_incomplete_if_a_bucket_was_left_out_when_all_were_gone_through() {
    let cx = TestContext::new().await;
    let photos = cx.unchecked("Photos").await;
    let left_out = async || {
        cx.clock.advance(SignedDuration::from_hours(2));
        cx.node.beat(vec![report(&cx, photos, ProbedStatus::Online)]).await.unwrap();
        cx.control.tidy().await.unwrap();
        cx.control.all_findings().await.unwrap()[0].scan.left_out
    };
    assert!(!left_out().await);
    cx.newer_version_writes("UPDATE buckets SET storage_type = 'MOON'").await;
    assert!(left_out().await, "it may be registered twice, or unused");
}

/// The ids and names of the revocations that the audit contains.
async fn revocations(cx: &TestContext, kind: AuditKind) -> Vec<(Option<String>, Option<String>)> {
    let filter =
        AuditFilter { kind: Some(kind), action: Some(AuditAction::Deleted), ..AuditFilter::default() };
    let found = cx.control.audit(&cx.owner, filter, None, 10).await.unwrap();
    found.into_iter().map(|record| (record.entry.target.id, record.entry.target.name)).collect()
}

#[tokio::test]
async fn a_token_that_only_a_newer_version_can_read_is_revoked_by_its_user_and_nobody_else() {
    let cx = TestContext::new().await;
    let other = cx.member("other@example.com", Some(WorkspaceRole::Admin)).await;
    let new = |name: &str| NewApiToken {
        name: name.to_owned(),
        expires_at: None,
        workspace_id: Some(cx.workspace),
        role: Some(WorkspaceRole::Read),
    };
    let leaked = cx.control.create_token(&cx.owner, new("leaked")).await.unwrap().id;
    let limited = cx.control.create_token(&cx.owner, new("limited")).await.unwrap();
    let limited: Caller = cx.control.authenticate(limited.token.expose()).await.unwrap();
    cx.newer_version_writes(&format!("UPDATE tokens SET scope_role = 'GLANCE' WHERE id = '{leaked}'")).await;

    let refused = cx.control.revoke_token(&limited, leaked).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let refused = cx.control.revoke_token(&other, leaked).await;
    assert!(matches!(refused, Err(Error::NotFound(ResourceKind::Token))), "{refused:?}");
    assert!(revocations(&cx, AuditKind::ApiToken).await.is_empty());

    cx.control.revoke_token(&cx.owner, leaked).await.unwrap();
    assert_eq!(revocations(&cx, AuditKind::ApiToken).await, [(Some(leaked.to_string()), None)]);
    let again = cx.control.revoke_token(&cx.owner, leaked).await;
    assert!(matches!(again, Err(Error::NotFound(ResourceKind::Token))), "{again:?}");
}

#[tokio::test]
async fn a_key_that_only_a_newer_version_can_read_is_revoked_in_its_repository_and_nowhere_else() {
    let cx = TestContext::new().await;
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let (repository, another) = (cx.repository_of("Main", &[]).await, cx.repository_of("Another", &[]).await);
    let input = KeyInput { name: Some("leaked".to_owned()), access: Some("WRITE".to_owned()) };
    let leaked = cx.control.create_repository_key(&cx.owner, repository, &input).await.unwrap().id;
    cx.newer_version_writes(&format!("UPDATE repository_keys SET access = 'GLANCE' WHERE id = '{leaked}'"))
        .await;

    let refused = cx.control.revoke_repository_key(&reader, repository, leaked).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    let refused = cx.control.revoke_repository_key(&cx.owner, another, leaked).await;
    assert!(matches!(refused, Err(Error::NotFound(ResourceKind::RepositoryKey))), "{refused:?}");
    assert!(revocations(&cx, AuditKind::RepositoryKey).await.is_empty());

    cx.control.revoke_repository_key(&cx.owner, repository, leaked).await.unwrap();
    assert_eq!(revocations(&cx, AuditKind::RepositoryKey).await, [(Some(leaked.to_string()), None)]);
    assert!(cx.node.sync("", 0).await.unwrap().repositories.iter().all(|one| one.keys.is_empty()));
    let again = cx.control.revoke_repository_key(&cx.owner, repository, leaked).await;
    assert!(matches!(again, Err(Error::NotFound(ResourceKind::RepositoryKey))), "{again:?}");
}

fn channel(code: &str) -> ChannelInput {
    ChannelInput {
        name: Some("on call".to_owned()),
        kind: Some("SLACK".to_owned()),
        url: Some(Secret::new("https://hooks.example.com/x")),
        rules: Some(vec![RuleInput { code: code.to_owned(), after_minutes: Some(7), within_days: None }]),
        ..ChannelInput::default()
    }
}

#[tokio::test]
async fn a_channel_with_rules_of_a_newer_version_is_not_changed() {
    let cx = TestContext::new().await;
    let id = cx.control.create_channel(&cx.owner, &channel("NODE_SILENT")).await.unwrap().id;
    let rename = |name: &str| ChannelInput { name: Some(name.to_owned()), ..ChannelInput::default() };
    cx.newer_version_writes(
        "UPDATE notification_channels SET rules = replace(rules, 'NODE_SILENT', 'NODE_TIRED')",
    )
    .await;
    let refused = cx.control.update_channel(&cx.owner, id, &rename("renamed")).await;
    assert!(matches!(refused, Err(Error::Rule { code: "NEWER_RULES", .. })), "{refused:?}");

    // Nothing was lost.
    cx.newer_version_writes(
        "UPDATE notification_channels SET rules = replace(rules, 'NODE_TIRED', 'NODE_SILENT')",
    )
    .await;
    let channel = cx.control.update_channel(&cx.owner, id, &rename("renamed")).await.unwrap();
    assert_eq!(channel.name.as_str(), "renamed");
    assert_eq!(channel.rules.all().iter().map(|rule| rule.after_minutes).collect::<Vec<_>>(), [7]);
}
