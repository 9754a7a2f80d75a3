//! Tests of the sealing keys of repositories: created once, opened only by nodes, and the same for all access keys.

use bucketry_control::repositories::KeyInput;
use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind};
use bucketry_model::id::RepoId;
use bucketry_model::name::Name;
use bucketry_model::node_protocol::NodeRepository;
use bucketry_model::repository::RepositoryMode;
use bucketry_model::time::Clock as _;
use bucketry_store::repository::{NewRepository, RepositoryInserted};
use bucketry_vault::{Identities, SecretContext};

use crate::support::TestContext;

async fn sent(cx: &TestContext) -> NodeRepository {
    cx.node.sync("", 0).await.unwrap().repositories.remove(0)
}

fn opened(cx: &TestContext, sent: &NodeRepository) -> String {
    let context = SecretContext::of_repository(cx.owner.org_id, sent.id);
    let identities = cx.node.identities.lock().unwrap();
    let sealed = sent.sealing_key.as_ref().unwrap();
    bucketry_vault::open(sealed, &context, &identities).unwrap().expose().to_owned()
}

/// A repository without a sealing key, as older versions created it.
async fn older(cx: &TestContext) -> RepoId {
    let id = RepoId::new(cx.clock.now(), [7; 10]);
    let new = NewRepository {
        id,
        org_id: cx.owner.org_id,
        workspace_id: cx.workspace,
        name: Name::parse("Older").unwrap(),
        storage_type: bucketry_model::bucket::StorageType::S3,
        mode: RepositoryMode::Normal,
        buckets: vec![],
        sealing_key: None,
    };
    let change =
        AuditEntry::new(cx.clock.now(), AuditActor::System, AuditKind::Repository, AuditAction::Created);
    let inserted = cx.control.store().insert_repository(&new, &change).await.unwrap();
    assert_eq!(inserted, RepositoryInserted::Inserted);
    id
}

#[tokio::test]
async fn a_repository_has_one_sealing_key_whatever_becomes_of_its_access_keys() {
    let cx = TestContext::new().await;
    let repository = cx.repository_of("Main", &[]).await;
    cx.repository_of("Other", &[]).await;
    let response = cx.node.sync("", 0).await.unwrap().repositories;
    let first = opened(&cx, &response[0]);
    assert_eq!(first.len(), 43, "32 bytes in base64");
    assert_ne!(first, opened(&cx, &response[1]));

    let input = KeyInput { name: Some("ci".to_owned()), access: Some("WRITE".to_owned()) };
    let key = cx.control.create_repository_key(&cx.owner, repository, &input).await.unwrap();
    cx.control.revoke_repository_key(&cx.owner, repository, key.id).await.unwrap();
    cx.control.create_repository_key(&cx.owner, repository, &input).await.unwrap();
    cx.control.tidy().await.unwrap();
    let _node = cx.node.work_on();
    assert_eq!(cx.rotate().await.failed, 0);
    let after = sent(&cx).await;
    assert_ne!(after.sealing_key, response[0].sealing_key, "sealed again");
    assert_eq!(opened(&cx, &after), first, "and the same key");
}

#[tokio::test]
async fn repositories_from_before_are_given_their_key_by_the_housekeeping_or_with_an_access_key() {
    for by_housekeeping in [true, false] {
        let cx = TestContext::new().await;
        let repository = older(&cx).await;
        let before = cx.node.sync("", 0).await.unwrap();
        assert_eq!(before.repositories[0].sealing_key, None);
        if by_housekeeping {
            // Two control planes may do this at the same time.
            let (one, other) = tokio::join!(cx.control.tidy(), cx.control.tidy());
            one.unwrap();
            other.unwrap();
        } else {
            let input = KeyInput { name: Some("ci".to_owned()), access: Some("READ".to_owned()) };
            cx.control.create_repository_key(&cx.owner, repository, &input).await.unwrap();
        }
        let change = cx.node.sync(&before.cursor, 0).await.unwrap();
        let first = opened(&cx, &change.repositories[0]);
        cx.control.tidy().await.unwrap();
        assert_eq!(opened(&cx, &sent(&cx).await), first);
    }
}

#[tokio::test]
async fn a_node_with_the_most_keys_finishes_a_rotation_and_then_has_one() {
    let cx = TestContext::new().await;
    cx.repository_of("Main", &[]).await;
    while cx.node.identities.lock().unwrap().recipients().len() < Identities::MAX_KEYS {
        cx.node.identities.lock().unwrap().add_new().unwrap();
    }
    cx.node.register().await.unwrap();
    let _node = cx.node.work_on();
    let state = cx.rotate().await;
    assert_eq!((state.total, state.failed), (1, 0));
    let newest = cx.node.identities.lock().unwrap().recipients();
    assert_eq!(newest.len(), 1);
    cx.rotate().await;
    assert_ne!(cx.node.identities.lock().unwrap().recipients(), newest, "the next one replaces it");
}

#[tokio::test]
async fn a_sealing_key_that_no_node_can_open_is_replaced_by_a_rotation() {
    let cx = TestContext::new().await;
    cx.repository_of("Main", &[]).await;
    let before = sent(&cx).await;
    *cx.node.identities.lock().unwrap() = Identities::generate();
    cx.node.register().await.unwrap();
    let _node = cx.node.work_on();
    let state = cx.rotate().await;
    assert_eq!((state.total, state.failed), (1, 0));
    let after = sent(&cx).await;
    assert_ne!(after.sealing_key, before.sealing_key);
    assert_eq!(opened(&cx, &after).len(), 43);
}
