//! Approval of nodes: to which of their keys secrets are sealed.
//!
//! The key that signs a node's messages only proves that the node may register. Secrets are sealed to it once an
//! operator has approved the public key that the node has in use. The server's own node needs no approval, because
//! the operator who starts it with its key file has decided already.

use std::collections::HashSet;

use bucketry_model::audit::{AuditAction, AuditDetail, AuditKind};
use bucketry_model::id::NodeId;
use bucketry_model::node::{Node, is_meant_for};
use bucketry_model::node_protocol::Register;
use bucketry_model::role::{Caller, OrgRole};
use bucketry_store::node::{KeyApproval, NodeApproved, NodeDeleted};
use bucketry_store::vault::RotationPhase;
use parking_lot::Mutex;
use serde_json::json;

use crate::access::validated;
use crate::{Control, Error, ResourceKind, Result};

/// The public keys of the node in this process.
#[derive(Default)]
pub(crate) struct OwnKeys(Mutex<HashSet<String>>);

impl OwnKeys {
    /// Whether a node with these public keys is the one in this process.
    pub(super) fn has_all(&self, recipients: &[String]) -> bool {
        let own = self.0.lock();
        !recipients.is_empty() && recipients.iter().all(|key| own.contains(key))
    }
}

/// Nodes that wait for somebody's approval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodesToApprove {
    /// How many there are.
    pub count: u64,
    /// Ids and names of the first ones.
    pub first: Vec<(NodeId, String)>,
}

/// Owners of the first organization, who operate the deployment, decide about its nodes, and owners of an organization about the
/// nodes that serve only that one.
fn may_approve(caller: &Caller, node: &Node, is_operator: bool) -> bool {
    match node.org_id {
        None => is_operator,
        Some(org_id) => org_id == caller.org_id && caller.may_in_org(OrgRole::Owner),
    }
}

impl Control {
    /// Approves the public keys of the node in this process.
    pub fn trust_vault_keys(&self, recipients: impl IntoIterator<Item = String>) {
        self.inner.own_keys.0.lock().extend(recipients);
    }

    /// Which keys of a registration are approved with it.
    pub(super) async fn approval_of(&self, register: &Register) -> Result<KeyApproval> {
        if self.inner.own_keys.has_all(&register.recipients) {
            return Ok(KeyApproval::All);
        }
        let rotation = self.inner.store.rotation().await?;
        let asks = rotation.is_some_and(|state| state.phase == RotationPhase::NewIdentity);
        Ok(if asks { KeyApproval::Rotating } else { KeyApproval::AsBefore })
    }

    /// Approves the key that a node has in use, so that new secrets are sealed to it and existing ones sealed again.
    /// `recipient` is the key that the caller has seen: another one, with which the node registered meanwhile, isn't
    /// approved. Nodes of the deployment are for owners of its first organization, those of an organization for its
    /// owners.
    pub async fn approve_node(&self, caller: &Caller, id: NodeId, recipient: &str) -> Result<()> {
        let node = self.administered_node(caller, id).await?;
        let audit = self
            .audit_of(caller, AuditKind::Node, AuditAction::Updated)
            .of(id, &node.name)
            .after(AuditDetail::new(&json!({ "approved": recipient })));
        match self.inner.store.approve_node(id, recipient, &audit).await? {
            NodeApproved::Approved => {
                self.nodes_changed();
                Ok(())
            }
            NodeApproved::AlreadyApproved => Ok(()),
            NodeApproved::NotFound => Err(Error::NotFound(ResourceKind::Node)),
            NodeApproved::OtherKey => Err(Error::field(
                "recipient",
                "must be the public key that the node has in use: read the node again, and compare the key",
            )),
        }
    }

    /// Whether the caller decides which keys of the node secrets are sealed to.
    pub async fn may_approve(&self, caller: &Caller, node: &Node) -> Result<bool> {
        let is_operator = node.org_id.is_none() && self.operates_deployment(caller).await?;
        Ok(may_approve(caller, node, is_operator))
    }

    /// The nodes that wait for the caller's approval: the first `most` by name, and how many there are. None for callers who
    /// may not approve them.
    pub async fn nodes_to_approve(&self, caller: &Caller, most: usize) -> Result<NodesToApprove> {
        // Nobody else approves a node, so that most pages don't look for any.
        if !caller.may_in_org(OrgRole::Owner) {
            return Ok(NodesToApprove::default());
        }
        let nodes = self.known_nodes().await?;
        let waits = |node: &&Node| node.is_pending() && is_meant_for(node, caller.org_id);
        let mut waiting: Vec<&Node> = nodes.iter().filter(waits).collect();
        let has_deployment_node = waiting.iter().any(|node| node.org_id.is_none());
        let is_operator = has_deployment_node && self.operates_deployment(caller).await?;
        waiting.retain(|node| may_approve(caller, node, is_operator));
        waiting.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(NodesToApprove {
            count: waiting.len() as u64,
            first: waiting.into_iter().take(most).map(|node| (node.id, node.name.clone())).collect(),
        })
    }

    /// Deletes a node of the deployment. What it could open is sealed again without it. Unless `force`, a node is
    /// refused that may be the only one to open secrets.
    pub async fn delete_deployment_node(&self, caller: &Caller, id: NodeId, force: bool) -> Result<()> {
        let node = self.administered_node(caller, id).await?;
        if node.org_id.is_some() {
            return Err(Error::Rule {
                code: "NODE_OF_ORGANIZATION",
                message: "this node belongs to the organization: delete it at /organization/{orgId}/node/{nodeId}, or \
                          with `bucketry organization node rm`"
                    .to_owned(),
            });
        }
        if !force {
            self.check_not_needed(&node).await?;
        }
        let audit = self.audit_of(caller, AuditKind::Node, AuditAction::Deleted).of(id, &node.name);
        match self.inner.store.delete_node(None, id, &audit).await? {
            NodeDeleted::Deleted => {
                self.nodes_changed();
                Ok(())
            }
            NodeDeleted::NotFound | NodeDeleted::AlreadyGone => Err(Error::NotFound(ResourceKind::Node)),
        }
    }

    /// Refuses to remove a node whose keys may be the only ones that open some of the secrets.
    async fn check_not_needed(&self, node: &Node) -> Result<()> {
        if node.sealing_recipient().is_none() || self.inner.store.count_secrets().await? == 0 {
            return Ok(());
        }
        let is_another =
            |one: &&Node| one.id != node.id && one.org_id.is_none() && one.sealing_recipient().is_some();
        let why = if self.known_nodes().await?.iter().find(is_another).is_none() {
            "no other node of the deployment is approved to open the stored secrets: approve another one first"
        } else {
            match self.inner.store.rewrap().await? {
                Some(state) if state.finished_at.is_none() => {
                    "the stored secrets are still being sealed to the other nodes: try again when GET /node shows no \
                     `rewrap`"
                }
                Some(state) if state.failed > 0 => {
                    "some secrets couldn't be sealed to the other nodes, and this node may be the only one that opens \
                     them: start it, and wait until GET /node shows no `rewrap`"
                }
                _ => return Ok(()),
            }
        };
        Err(Error::Rule {
            code: "NODE_NEEDED",
            message: format!(
                "{why}. To remove it all the same and lose these secrets, send force=true (--force)"
            ),
        })
    }

    /// A live node whose keys the caller decides about.
    async fn administered_node(&self, caller: &Caller, id: NodeId) -> Result<Node> {
        self.inner.presence.forget_nodes();
        let nodes = self.known_nodes().await?;
        let node = nodes.iter().find(|node| node.id == id && is_meant_for(node, caller.org_id));
        let may = match node {
            Some(node) => self.may_approve(caller, node).await?,
            None => caller.may_in_org(OrgRole::Owner),
        };
        if !may {
            return Err(Error::Forbidden(
                "deciding which nodes open secrets needs the role OWNER: in the organization for its own nodes, and in \
                 the deployment's first organization for nodes that serve all"
                    .to_owned(),
            ));
        }
        validated(caller)?;
        node.cloned().ok_or(Error::NotFound(ResourceKind::Node))
    }

    /// Sees changed nodes immediately, also in findings, and has their secrets sealed again if necessary. Not to be called if
    /// nothing was changed, because everything has to be read again.
    pub(super) fn nodes_changed(&self) {
        self.inner.presence.forget_nodes();
        // A scan that began before may have seen the nodes as they were.
        self.inner.findings.forget();
        self.inner.rotation.notify_waiters();
    }
}
