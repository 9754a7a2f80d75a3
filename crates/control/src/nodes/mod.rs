//! The requests of nodes: registration, heartbeats, synchronisation, reports. `docs/nodes.md` describes the
//! protocol.

mod approval;
mod clocks;
mod inventories;
mod keys;
mod messages;
mod private;
mod probe_shares;
mod recent_changes;
mod refused_keys;
mod reports;
mod served;
mod sync_cursor;
mod synchronisation;
mod taken_names;

pub use approval::NodesToApprove;
pub(crate) use approval::OwnKeys;
pub(crate) use clocks::NodeClocks;
pub(crate) use keys::KeyGenerator;
pub use keys::{CreatedOrganizationKey, OrganizationKey, authorize_organization_key};
pub use messages::NodeMessage;
use messages::VerifiedMessage;
pub(crate) use messages::{LARGE_AT_ONCE, ReplayGuard};
pub(crate) use probe_shares::ProbeShares;
pub(crate) use recent_changes::{ChangeSignal, RecentChanges};
pub(crate) use taken_names::TakenNames;

use bucketry_model::audit::{AuditAction, AuditActor, AuditEntry, AuditKind, RequestOrigin};
use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
use bucketry_model::node::{Node, is_meant_for, is_node_name};
use bucketry_model::node_protocol::{MAX_BATCH, REGISTER_PATH, Register, UNREGISTER_PATH};
use bucketry_model::role::Caller;
use bucketry_store::node::{NodeKey, NodeRegistered, NodeRegistration};
use bucketry_vault::{Identities, NodeVerifyingKey, Recipient};
use tokio::time::Instant;

use crate::audit::Described;
use crate::presence::NodeView;
use crate::secret_access::SecretAccess;
use crate::{Control, Error, ResourceKind, Result};

/// The longest accepted texts of a registration, in bytes.
const MOST_TEXT: usize = 128;
/// How often to look whether a node has been approved.
const LOOK_FOR_APPROVAL: std::time::Duration = std::time::Duration::from_millis(500);

impl Control {
    /// Stores the key that the deployment's own nodes sign with, unless it is known already.
    pub async fn trust_deployment_key(&self, key: &NodeVerifyingKey) -> Result<()> {
        let known = self.inner.store.node_keys(None).await?;
        if known.iter().any(|known| known.public_key.trim() == key.to_pem().trim()) {
            return Ok(());
        }
        let key = NodeKey {
            id: self.inner.environment.id(NodeKeyId::new)?,
            org_id: None,
            public_key: key.to_pem().to_owned(),
            created_at: self.inner.environment.now(),
        };
        let audit = self
            .audit_by(AuditActor::System, None, AuditKind::NodeKey, AuditAction::Created)
            .of(key.id, "the deployment's own nodes");
        self.inner.store.insert_node_key(&key, usize::MAX, &audit).await?;
        Ok(())
    }

    /// Whether the deployment's own nodes have a key to sign with.
    pub async fn has_deployment_key(&self) -> Result<bool> {
        Ok(!self.inner.store.node_keys(None).await?.is_empty())
    }

    /// `POST /register`: registers a node.
    pub async fn register_node(&self, message: NodeMessage, origin: RequestOrigin) -> Result<Node> {
        let sender = self.verify("POST", REGISTER_PATH, message).await?;
        let register: Register = sender.read()?;
        check_registration(&register)?;
        let audit = self.audit_of_registration(sender.org_id, &register).await?.from_origin(origin);
        let approval = self.approval_of(&register).await?;
        let silent_at = self.inner.taken_names.silent_at(sender.org_id, &register.ip, Instant::now());
        let registration = NodeRegistration {
            id: self.inner.environment.id(NodeId::new)?,
            org_id: sender.org_id,
            name: register.ip,
            region: register.region,
            provider: register.provider,
            version: register.version,
            recipients: register.recipients,
            approval,
            key_id: sender.key_id,
            quota: self.inner.settings.node_quota,
            silent_at,
        };
        let registered = self.inner.store.register_node(&registration, &audit).await?;
        match registered {
            NodeRegistered::Registered(node) => {
                // The node may have new recipients that a rotation is waiting for.
                self.nodes_changed();
                Ok(*node)
            }
            NodeRegistered::NameTaken => Err(Error::Rule {
                code: "NODE_NAME_TAKEN",
                message: "a node of another organization already has this name: choose another".to_owned(),
            }),
            NodeRegistered::NameInUse { last_seen } => {
                let (org_id, name) = (registration.org_id, &registration.name);
                self.inner.taken_names.note(org_id, name, last_seen, Instant::now());
                Err(Error::Rule {
                    code: "NODE_NAME_TAKEN",
                    message: "a node with this name is connected and has another vault.key: stop it and try again after \
                              a minute, or choose another name"
                        .to_owned(),
                })
            }
            NodeRegistered::KeyDeleted => Err(messages::key_is_gone()),
            NodeRegistered::Deleted => Err(Error::Rule {
                code: "NODE_DELETED",
                message: "an administrator of the organization deleted this node: to bring it back, register it with a \
                          key that was created later"
                    .to_owned(),
            }),
            NodeRegistered::QuotaExceeded => Err(Error::Rule {
                code: "NODE_QUOTA_EXCEEDED",
                message: format!(
                    "the organization can't have more nodes, because the limit is {}: delete one, or ask the operator \
                     to raise the limit",
                    self.inner.settings.node_quota.unwrap_or_default()
                ),
            }),
        }
    }

    /// `POST /unregister`: a node leaves, and may register again.
    pub async fn unregister_node(&self, message: NodeMessage, origin: RequestOrigin) -> Result<()> {
        let (node, _) = self.sender("POST", UNREGISTER_PATH, message).await?;
        let actor = AuditActor::Node(node.name.clone());
        let audit = self
            .audit_by(actor, self.org_or_only(node.org_id).await?, AuditKind::Node, AuditAction::Deleted)
            .of(node.id, &node.name)
            .from_origin(origin);
        if self.inner.store.unregister_node(node.id, &audit).await? {
            self.nodes_changed();
        }
        Ok(())
    }

    /// A node that is known already registers again when it starts.
    async fn audit_of_registration(&self, org_id: Option<OrgId>, register: &Register) -> Result<AuditEntry> {
        let nodes = self.known_nodes().await?;
        let known = nodes.iter().find(|node| node.name == register.ip && node.org_id == org_id);
        let action = if known.is_some() { AuditAction::Updated } else { AuditAction::Created };
        let actor = AuditActor::Node(register.ip.clone());
        let audit = self
            .audit_by(actor, self.org_or_only(org_id).await?, AuditKind::Node, action)
            .after(register.described());
        Ok(match known {
            Some(node) => audit.of(node.id, &node.name),
            // Its id is given to it with the registration, unless it was removed before and gets its old one back.
            None => audit.of_name(&register.ip),
        })
    }

    /// The nodes that serve the caller's organization, or will do so when they are approved, by name.
    pub async fn nodes(&self, caller: &Caller) -> Result<Vec<NodeView>> {
        self.views_with_secrets(caller, |node| is_meant_for(node, caller.org_id)).await
    }

    /// Some of the nodes, with what the caller may know about the stored secrets.
    async fn views_with_secrets(
        &self,
        caller: &Caller,
        is_included: impl Fn(&Node) -> bool,
    ) -> Result<Vec<NodeView>> {
        let mut views = self.node_views().await?;
        views.retain(|view| is_included(&view.node));
        let rewrap = self.inner.store.rewrap().await?;
        let is_operator = self.is_first_organization(caller.org_id).await?;
        for view in &mut views {
            let secrets = SecretAccess::of(&view.node, rewrap.as_ref());
            view.secrets = if is_operator { secrets } else { secrets.without_numbers() };
        }
        Ok(views)
    }

    /// Verifies a message, and finds the registered node that sent it.
    async fn sender(
        &self,
        method: &'static str,
        path: &'static str,
        message: NodeMessage,
    ) -> Result<(Node, VerifiedMessage)> {
        let message = self.verify(method, path, message).await?;
        let found = |nodes: &[Node]| {
            nodes.iter().find(|node| node.name == message.ip && node.org_id == message.org_id).cloned()
        };
        if let Some(node) = found(&self.known_nodes().await?) {
            return Ok((node, message));
        }
        // The node may have just registered with another control plane.
        self.inner.presence.forget_nodes();
        let node = found(&self.known_nodes().await?).ok_or(Error::NotFound(ResourceKind::Node))?;
        Ok((node, message))
    }

    /// Waits until a node is approved, at the latest until `until`.
    async fn approved(&self, mut node: Node, until: tokio::time::Instant) -> Result<Node> {
        while node.is_pending() {
            if until <= tokio::time::Instant::now() {
                return Err(Error::NodeNotApproved(node.name));
            }
            tokio::time::sleep(LOOK_FOR_APPROVAL).await;
            let nodes = self.known_nodes().await?;
            let found = nodes.iter().find(|one| one.id == node.id);
            node = found.cloned().ok_or(Error::NotFound(ResourceKind::Node))?;
        }
        Ok(node)
    }

    /// Refuses a node that was removed or lost its approval while it waited for changes. Secrets are sealed again without its
    /// key, so it couldn't open what it would get, and would stop serving what it has.
    async fn check_still_served(&self, node: &Node) -> Result<()> {
        let nodes = self.known_nodes().await?;
        match nodes.iter().find(|one| one.id == node.id) {
            None => Err(Error::NotFound(ResourceKind::Node)),
            Some(now) if now.is_pending() => Err(Error::NodeNotApproved(now.name.clone())),
            Some(_) => Ok(()),
        }
    }

    /// The keys that may have signed a message: those of the organization; without one, those of the deployment and
    /// of its organization, if there is only one.
    async fn keys_for(&self, id_org: Option<OrgId>) -> Result<Vec<NodeKey>> {
        if let Some(org_id) = id_org {
            return Ok(self.inner.store.node_keys(Some(org_id)).await?);
        }
        let mut keys = self.inner.store.node_keys(None).await?;
        if let [only] = self.inner.store.organizations(2).await?.as_slice() {
            keys.extend(self.inner.store.node_keys(Some(only.id)).await?);
        }
        Ok(keys)
    }
}

fn check_registration(register: &Register) -> Result<()> {
    if !is_node_name(&register.ip) {
        return Err(Error::field(
            "ip",
            "must be the node's host name or address: at most 253 letters, digits and '-._:[]'",
        ));
    }
    let texts = [
        ("region", &register.region),
        ("provider", &register.provider),
        ("version", &register.version),
        ("status", &register.status),
    ];
    for (field, text) in texts {
        if text.len() > MOST_TEXT || text.chars().any(char::is_control) {
            return Err(Error::field(
                field,
                "must be at most 128 bytes long and contain no control characters",
            ));
        }
    }
    if register.recipients.len() > Identities::MAX_KEYS {
        return Err(Error::field(
            "recipients",
            format!("must have at most {} entries", Identities::MAX_KEYS),
        ));
    }
    if register.recipients.iter().any(|text| text.parse::<Recipient>().is_err()) {
        return Err(Error::field("recipients", "must be age X25519 recipients (age1…)"));
    }
    Ok(())
}

fn check_batch(field: &'static str, length: usize) -> Result<()> {
    if length <= MAX_BATCH {
        Ok(())
    } else {
        Err(Error::field(field, format!("must have at most {MAX_BATCH} entries")))
    }
}
