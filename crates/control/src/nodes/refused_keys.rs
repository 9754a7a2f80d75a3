//! Refused uses of access keys, as nodes report them: they become records of the audit.

use std::collections::HashMap;

use bucketry_model::audit::{AuditAction, AuditActor, AuditDetail, AuditEntry, AuditKind, bounded};
use bucketry_model::id::RepoKeyId;
use bucketry_model::node::Node;
use bucketry_model::node_protocol::KeyRefusals;
use bucketry_model::time::is_ahead;
use bucketry_store::repository_key::KeyOwner;
use serde_json::json;

use crate::{Control, Result};

/// The status with which the gateway refuses a key.
const FORBIDDEN: u16 = 403;

impl Control {
    /// Records what a node refused. Keys that the node doesn't serve are skipped.
    pub(super) async fn record_key_refusals(&self, node: &Node, refusals: Vec<KeyRefusals>) -> Result<()> {
        if refusals.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<RepoKeyId> = refusals.iter().filter_map(|one| one.key_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let owners = self.inner.store.key_owners(node.org_id, &ids).await?;
        let owners: HashMap<RepoKeyId, KeyOwner> = owners.into_iter().map(|one| (one.id, one)).collect();
        let node_org = self.org_or_only(node.org_id).await?;
        let now = self.inner.environment.now();
        for refused in refusals.into_iter().filter(|one| one.count > 0) {
            let mut entry = match refused.key_id.map(|id| owners.get(&id)) {
                Some(None) => continue,
                Some(Some(owner)) => of_key(owner, now),
                None => {
                    let actor = AuditActor::Node(node.name.clone());
                    AuditEntry::new(now, actor, AuditKind::RepositoryKey, AuditAction::Used)
                        .in_organization(node_org)
                }
            };
            entry = entry
                .refused(FORBIDDEN, bounded(&refused.code))
                .after(AuditDetail::new(&json!({ "node": node.name })));
            entry.at = if is_ahead(refused.at, now) { now } else { refused.at };
            entry.repeats = refused.count;
            entry.origin.address = refused.address;
            self.record_refusal(entry).await;
        }
        Ok(())
    }
}

/// An entry about a client that used a key without proving that it has the secret.
fn of_key(owner: &KeyOwner, now: jiff::Timestamp) -> AuditEntry {
    let actor = AuditActor::Unknown(owner.access_key.clone());
    AuditEntry::new(now, actor, AuditKind::RepositoryKey, AuditAction::Used)
        .in_organization(Some(owner.org_id))
        .of(owner.id, &owner.name)
        .in_workspace(owner.workspace_id)
}
