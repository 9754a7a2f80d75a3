//! Nodes of a version without approval, and that they continue to get secrets after an upgrade.

use bucketry_model::id::{NodeId, NodeKeyId};
use bucketry_store::Store;
use bucketry_store::contract::change;
use bucketry_store::node::{KeyApproval, NodeRegistered, NodeRegistration};
use jiff::Timestamp;

/// Takes back the migration with this version, so that the next start applies it to the data that is there.
pub(crate) fn undo(version: i64) -> String {
    format!(
        "ALTER TABLE nodes DROP COLUMN approved; DELETE FROM vault_rotation; \
         DELETE FROM _sqlx_migrations WHERE version = {version}"
    )
}

async fn register(store: &dyn Store, number: u8) -> NodeId {
    let registration = NodeRegistration {
        id: NodeId::new(Timestamp::UNIX_EPOCH, [number; 10]),
        org_id: None,
        name: format!("node-{number}"),
        region: "eu".to_owned(),
        provider: "AWS".to_owned(),
        version: "1".to_owned(),
        recipients: vec![format!("age1key{number}")],
        approval: KeyApproval::AsBefore,
        key_id: NodeKeyId::new(Timestamp::UNIX_EPOCH, [1; 10]),
        quota: None,
        silent_at: None,
    };
    match store.register_node(&registration, &change(Timestamp::UNIX_EPOCH)).await.unwrap() {
        NodeRegistered::Registered(node) => node.id,
        refused => panic!("{refused:?}"),
    }
}

/// Registers a node, and another one that is removed again.
pub(crate) async fn add(store: &dyn Store) {
    register(store, 1).await;
    let removed = register(store, 2).await;
    store.unregister_node(removed, &change(Timestamp::UNIX_EPOCH)).await.unwrap();
}

/// The node that exists at the upgrade is approved, and the stored secrets will be sealed to it. The removed one waits when it
/// returns.
pub(crate) async fn are_approved(store: &dyn Store) {
    let nodes = store.nodes().await.unwrap();
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0].sealing_recipient(), Some("age1key1"));
    assert!(store.rewrap().await.unwrap().is_some_and(|state| state.finished_at.is_none()));
    assert_eq!(store.rotation().await.unwrap(), None);
    register(store, 2).await;
    assert!(store.nodes().await.unwrap()[1].is_pending());
}
