//! Tests of access keys: a secret is returned once and opened only by nodes, and a revoked key is refused
//! immediately.

use std::time::Duration;

use crate::support::{TestContext, sent};
use bucketry_control::repositories::{CreatedKey, KeyInput};
use bucketry_control::{Error, ResourceKind};
use bucketry_model::audit::{AuditAction, AuditActor, AuditKind};
use bucketry_model::id::{RepoId, RepoKeyId};
use bucketry_model::node_protocol::{KeyRefusals, KeyUse, NodeRepositoryKey, Report};
use bucketry_model::repository::KeyAccess;
use bucketry_model::role::WorkspaceRole;
use bucketry_model::time::Clock as _;
use bucketry_store::audit::AuditFilter;
use bucketry_vault::SecretContext;
use jiff::SignedDuration;

fn input(name: &str, access: &str) -> KeyInput {
    KeyInput { name: Some(name.to_owned()), access: Some(access.to_owned()) }
}

async fn key(cx: &TestContext, repository: RepoId) -> CreatedKey {
    cx.control.create_repository_key(&cx.owner, repository, &input("ci", "WRITE")).await.unwrap()
}

/// The secret that a node opens for a key that it got.
fn opened(cx: &TestContext, sent: &NodeRepositoryKey) -> String {
    let context = SecretContext::of_repository_key(cx.owner.org_id, sent.id);
    let identities = cx.node.identities.lock().unwrap();
    bucketry_vault::open(&sent.secret, &context, &identities).unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_key_pair_is_told_once_and_its_secret_is_opened_by_the_node() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    let made = key(&cx, repository).await;
    assert!(made.key.starts_with("BKT") && made.key.len() == 20, "{}", made.key);
    assert_eq!(made.secret.expose().len(), 40);
    let keys = cx.control.repository_keys(&cx.owner, repository).await.unwrap();
    assert_eq!((keys[0].id, &keys[0].key, keys[0].access), (made.id, &made.key, KeyAccess::Write));
    assert!(!format!("{made:?} {keys:?}").contains(made.secret.expose()));

    let snapshot = cx.node.sync("", 0).await.unwrap();
    let sent = &snapshot.repositories[0].keys[0];
    assert_eq!((sent.id, &sent.key, sent.access), (made.id, &made.key, KeyAccess::Write));
    assert_eq!(opened(&cx, sent), made.secret.expose());
    let another = key(&cx, repository).await;
    assert!(another.key != made.key && another.secret.expose() != made.secret.expose());
}

#[tokio::test]
async fn a_changed_or_revoked_key_reaches_a_waiting_node_at_once() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    let made = key(&cx, repository).await;
    let mut cursor = cx.node.sync("", 0).await.unwrap().cursor;
    for revoke in [false, true] {
        let waiting = {
            let (node, cursor) = (cx.node.clone(), cursor.clone());
            tokio::spawn(async move { node.sync(&cursor, 25).await })
        };
        let control = &cx.control;
        if revoke {
            control.revoke_repository_key(&cx.owner, repository, made.id).await.unwrap();
        } else {
            let change = input("read only", "READ");
            control.update_repository_key(&cx.owner, repository, made.id, &change).await.unwrap();
        }
        let response = tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
        let access: Vec<_> = response.repositories[0].keys.iter().map(|key| key.access).collect();
        assert_eq!(access, if revoke { vec![] } else { vec![KeyAccess::Read] });
        cursor = response.cursor;
    }
    let again = cx.control.revoke_repository_key(&cx.owner, repository, made.id).await;
    assert!(matches!(again, Err(Error::NotFound(ResourceKind::RepositoryKey))), "{again:?}");
    assert_eq!(cx.control.store().count_secrets().await.unwrap(), 1, "the sealing key of the repository");
}

#[tokio::test]
async fn keys_need_the_role_write_and_are_listed_with_read() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    let made = key(&cx, repository).await;
    let reader = cx.member("reader@example.com", Some(WorkspaceRole::Read)).await;
    let control = &cx.control;
    assert_eq!(control.repository_keys(&reader, repository).await.unwrap().len(), 1);
    let refused = [
        control.create_repository_key(&reader, repository, &input("ci", "READ")).await.map(drop),
        control.update_repository_key(&reader, repository, made.id, &input("ci", "READ")).await,
        control.revoke_repository_key(&reader, repository, made.id).await,
    ];
    assert!(refused.iter().all(|one| matches!(one, Err(Error::Forbidden(_)))), "{refused:?}");
    let other = cx.repository_of("Other", &[]).await;
    let elsewhere = control.revoke_repository_key(&cx.owner, other, made.id).await;
    assert!(matches!(elsewhere, Err(Error::NotFound(ResourceKind::RepositoryKey))), "{elsewhere:?}");
}

#[tokio::test]
async fn the_number_of_keys_is_bounded() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    for _ in 0..bucketry_model::repository::MAX_KEYS {
        key(&cx, repository).await;
    }
    let refused = cx.control.create_repository_key(&cx.owner, repository, &input("ci", "READ")).await;
    assert!(matches!(refused, Err(Error::Rule { code: "TOO_MANY_KEYS", .. })), "{refused:?}");
}

#[tokio::test]
async fn the_last_use_that_nodes_report_only_goes_forward_and_not_into_the_future() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    let made = key(&cx, repository).await;
    let now = cx.clock.now();
    for (seconds, expected) in [(0, 0), (-60, 0), (30, 30), (3_600, 30)] {
        let used = KeyUse { key_id: made.id, at: now + SignedDuration::from_secs(seconds) };
        let report = Report { ip: "node-1".to_owned(), key_uses: vec![used], ..Report::default() };
        cx.control.report(sent(&cx.node.signed("/node/report", &report))).await.unwrap();
        let keys = cx.control.repository_keys(&cx.owner, repository).await.unwrap();
        assert_eq!(keys[0].last_used_at, Some(now + SignedDuration::from_secs(expected)), "{seconds}");
    }
}

#[tokio::test]
async fn a_rotation_seals_the_secrets_of_keys_anew() {
    let cx = TestContext::new().await;
    cx.unchecked("Photos").await;
    let repository = cx.repository_of("Main", &[]).await;
    let made = key(&cx, repository).await;
    let before = cx.node.sync("", 0).await.unwrap().repositories[0].clone();
    let _node = cx.node.work_on();
    let state = cx.rotate().await;
    assert_eq!((state.total, state.done, state.failed), (3, 3, 0));
    let after = cx.node.sync("", 0).await.unwrap().repositories[0].clone();
    assert!(after.version > before.version && after.keys[0].secret != before.keys[0].secret);
    assert_eq!(opened(&cx, &after.keys[0]), made.secret.expose());
}

#[tokio::test]
async fn refused_uses_of_keys_become_records_of_the_audit() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    let made = key(&cx, repository).await;
    let now = cx.clock.now();
    let refusals = |key_id, code: &'static str, address: Option<[u8; 4]>, count| KeyRefusals {
        key_id,
        code: code.into(),
        address: address.map(Into::into),
        count,
        at: now,
    };
    let unknown = RepoKeyId::new(now, [9; 10]);
    let key_refusals = vec![
        refusals(Some(made.id), "SignatureDoesNotMatch", Some([192, 0, 2, 7]), 40),
        refusals(None, "InvalidAccessKeyId", None, 1_000),
        refusals(Some(unknown), "AccessDenied", None, 5),
        refusals(Some(made.id), "AccessDenied", None, 0),
    ];
    let report = Report { ip: "node-1".to_owned(), key_refusals, ..Report::default() };
    cx.control.report(sent(&cx.node.signed("/node/report", &report))).await.unwrap();

    let filter = AuditFilter { action: Some(AuditAction::Used), ..AuditFilter::default() };
    let mut records = cx.control.audit(&cx.owner, filter, None, 100).await.unwrap();
    records.sort_by_key(|record| record.entry.repeats);
    let [of_key, of_node] = records.as_slice() else { panic!("{records:?}") };
    let entry = &of_key.entry;
    assert_eq!((entry.kind, entry.repeats), (AuditKind::RepositoryKey, 40));
    assert_eq!(entry.target.id.as_deref(), Some(made.id.to_string().as_str()));
    assert_eq!(entry.target.workspace_id, Some(cx.workspace));
    assert_eq!(entry.actor, AuditActor::Unknown(made.key.clone()));
    assert_eq!(entry.origin.address, Some([192, 0, 2, 7].into()));
    assert_eq!(entry.refusal.as_ref().unwrap().code, "SignatureDoesNotMatch");
    let entry = &of_node.entry;
    assert_eq!((&entry.actor, entry.repeats), (&AuditActor::Node("node-1".to_owned()), 1_000));
    assert_eq!((&entry.target.id, entry.refusal.as_ref().unwrap().status), (&None, 403));
}

#[tokio::test]
async fn a_node_that_reports_refusals_without_end_fills_a_bounded_number_of_records() {
    let cx = TestContext::new().await;
    for _ in 0..50 {
        let one = |code: usize| KeyRefusals {
            key_id: None,
            code: format!("Code{}", code % 2).into(),
            address: None,
            count: 3,
            at: cx.clock.now(),
        };
        let key_refusals = (0..100).map(one).collect();
        let report = Report { ip: "node-1".to_owned(), key_refusals, ..Report::default() };
        cx.control.report(sent(&cx.node.signed("/node/report", &report))).await.unwrap();
    }
    cx.clock.advance(SignedDuration::from_mins(1));
    cx.control.tidy().await.unwrap();
    let filter = AuditFilter { action: Some(AuditAction::Used), ..AuditFilter::default() };
    let records = cx.control.audit(&cx.owner, filter, None, 1_000).await.unwrap();
    assert_eq!(records.len(), 22, "20 one by one, and one for each code");
    assert_eq!(records.iter().map(|record| record.entry.repeats).sum::<u32>(), 15_000);
}
