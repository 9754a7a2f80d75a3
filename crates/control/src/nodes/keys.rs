//! Organization keys: the nodes of an organization sign their messages with them.
//!
//! The private half is returned once, when the key is created. The control plane stores only the public half.

use std::sync::Arc;

use bucketry_model::audit::{AuditAction, AuditDetail, AuditEntry, AuditKind};
use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
use bucketry_model::role::{Caller, OrgRole};
use bucketry_model::secret::Secret;
use bucketry_store::node::{NodeKey, NodeKeyInserted};
use bucketry_vault::NodeSigningKey;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::access::validated;
use crate::{Control, Error, ResourceKind, Result};

/// The most keys that an organization may have at the same time.
const MAX_KEYS: usize = 5;
/// What audit records call a key, because keys have no names.
const LABEL: &str = "organization key";

/// Generates RSA keys, one at a time: each takes some tenths of a second of a core.
pub(crate) struct KeyGenerator {
    turn: Arc<Semaphore>,
}

impl Default for KeyGenerator {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)) }
    }
}

/// A key of the caller's organization.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the other fields are those of the stored key")]
pub struct OrganizationKey {
    pub id: NodeKeyId,
    pub org_id: OrgId,
    /// The public half as SubjectPublicKeyInfo in PEM.
    pub public_key: String,
    pub created_at: Timestamp,
    /// The registered nodes whose latest registration the key signed.
    pub nodes: Vec<NodeId>,
}

/// A key that was just created.
#[derive(Debug)]
pub struct CreatedOrganizationKey {
    /// The id under which the key is listed and deleted.
    pub id: NodeKeyId,
    /// The private half as PKCS#1 PEM, which can't be read again.
    pub private_key: Secret,
}

impl Control {
    /// Creates a key for the nodes of the caller's organization.
    pub async fn create_organization_key(
        &self,
        caller: &Caller,
        org_id: OrgId,
    ) -> Result<CreatedOrganizationKey> {
        authorize_organization_key(caller, org_id)?;
        let private = self.generate_key(org_id).await?;
        let key = NodeKey {
            id: self.inner.environment.id(NodeKeyId::new)?,
            org_id: Some(org_id),
            public_key: private.verifying_key().map_err(Error::internal)?.to_pem().to_owned(),
            created_at: self.inner.environment.now(),
        };
        let audit = self.audit_of_node_key(caller, key.id, AuditAction::Created).after(described(&key));
        match self.inner.store.insert_node_key(&key, MAX_KEYS, &audit).await? {
            NodeKeyInserted::Inserted => {}
            NodeKeyInserted::TooMany => return Err(too_many_keys()),
        }
        Ok(CreatedOrganizationKey { id: key.id, private_key: private.to_pkcs1_pem().clone() })
    }

    /// Generates a key on a blocking thread, unless the organization already has the maximum number of keys.
    ///
    /// Dropping the future while it waits for its turn generates no key. A generation in progress continues in the
    /// background, and its turn ends with it.
    async fn generate_key(&self, org_id: OrgId) -> Result<NodeSigningKey> {
        let turn = Arc::clone(&self.inner.node_keys.turn).acquire_owned().await.map_err(Error::internal)?;
        if self.inner.store.node_keys(Some(org_id)).await?.len() >= MAX_KEYS {
            return Err(too_many_keys());
        }
        let generated = tokio::task::spawn_blocking(move || {
            let key = NodeSigningKey::generate();
            drop(turn);
            key
        });
        generated.await.map_err(Error::internal)?.map_err(Error::internal)
    }

    /// The keys of the caller's organization, newest first.
    pub async fn organization_keys(&self, caller: &Caller, org_id: OrgId) -> Result<Vec<OrganizationKey>> {
        administers_nodes(caller, org_id)?;
        let keys = self.inner.store.node_keys(Some(org_id)).await?;
        let nodes = self.inner.store.nodes().await?;
        let view = |key: NodeKey| OrganizationKey {
            id: key.id,
            org_id,
            public_key: key.public_key,
            created_at: key.created_at,
            nodes: nodes.iter().filter(|node| node.key_id == key.id).map(|node| node.id).collect(),
        };
        Ok(keys.into_iter().map(view).collect())
    }

    /// Deletes a key. Nodes that registered with it are removed, and their messages are refused until they register
    /// with another key.
    pub async fn delete_organization_key(&self, caller: &Caller, org_id: OrgId, id: NodeKeyId) -> Result<()> {
        administers_nodes(caller, org_id)?;
        validated(caller)?;
        let keys = self.inner.store.node_keys(Some(org_id)).await?;
        let key = keys.iter().find(|key| key.id == id);
        let key = key.ok_or(Error::NotFound(ResourceKind::OrganizationKey))?;
        match self.remove_keys(caller, org_id, std::slice::from_ref(key)).await? {
            0 => Err(Error::NotFound(ResourceKind::OrganizationKey)),
            _ => Ok(()),
        }
    }

    /// Deletes all keys of the caller's organization, as [`Control::delete_organization_key`] does. Returns how many
    /// there were.
    pub async fn delete_organization_keys(&self, caller: &Caller, org_id: OrgId) -> Result<u64> {
        administers_nodes(caller, org_id)?;
        validated(caller)?;
        let keys = self.inner.store.node_keys(Some(org_id)).await?;
        self.remove_keys(caller, org_id, &keys).await
    }

    async fn remove_keys(&self, caller: &Caller, org_id: OrgId, keys: &[NodeKey]) -> Result<u64> {
        let record = |key: &NodeKey| {
            (key.id, self.audit_of_node_key(caller, key.id, AuditAction::Deleted).before(described(key)))
        };
        let keys: Vec<(NodeKeyId, AuditEntry)> = keys.iter().map(record).collect();
        let removed = self.inner.store.delete_node_keys(Some(org_id), &keys).await?;
        if removed > 0 {
            self.nodes_changed();
        }
        Ok(removed)
    }

    fn audit_of_node_key(&self, caller: &Caller, id: NodeKeyId, action: AuditAction) -> AuditEntry {
        self.audit_of(caller, AuditKind::NodeKey, action).of(id, LABEL)
    }
}

/// Checks whether the caller may create a key for the nodes of this organization.
pub fn authorize_organization_key(caller: &Caller, org_id: OrgId) -> Result<()> {
    administers_nodes(caller, org_id)?;
    validated(caller)
}

/// Refuses callers who may not manage the nodes of this organization.
pub(super) fn administers_nodes(caller: &Caller, org_id: OrgId) -> Result<()> {
    if !caller.may_in_org(OrgRole::Administrators) {
        return Err(Error::Forbidden(
            "managing the organization's keys and nodes needs the organization role ADMINISTRATORS or higher"
                .to_owned(),
        ));
    }
    if caller.org_id != org_id {
        return Err(Error::NotFound(ResourceKind::Organization));
    }
    Ok(())
}

fn described(key: &NodeKey) -> AuditDetail {
    AuditDetail::new(&json!({ "publicKey": key.public_key }))
}

fn too_many_keys() -> Error {
    Error::Rule {
        code: "TOO_MANY_KEYS",
        message: format!(
            "an organization can have at most {MAX_KEYS} keys: delete one that no node uses any more"
        ),
    }
}
