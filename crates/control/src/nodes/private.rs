//! The nodes of the caller's organization, as its users list and delete them.

use bucketry_model::audit::{AuditAction, AuditKind};
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::role::Caller;
use bucketry_store::node::NodeDeleted;

use super::keys::administers_nodes;
use crate::access::validated;
use crate::presence::NodeView;
use crate::{Control, Error, ResourceKind, Result};

impl Control {
    /// The registered nodes of the caller's own organization, newest first. Nodes of the deployment are not among
    /// them.
    pub async fn private_nodes(&self, caller: &Caller, org_id: OrgId) -> Result<Vec<NodeView>> {
        if caller.org_id != org_id {
            return Err(Error::NotFound(ResourceKind::Organization));
        }
        let mut views = self.views_with_secrets(caller, |node| node.org_id == Some(org_id)).await?;
        views.sort_by_key(|view| std::cmp::Reverse(view.node.id));
        Ok(views)
    }

    /// Deletes a node of the caller's organization. Its messages are refused, and it can't register again with a key
    /// that exists now.
    pub async fn delete_private_node(&self, caller: &Caller, org_id: OrgId, id: NodeId) -> Result<()> {
        administers_nodes(caller, org_id)?;
        validated(caller)?;
        let live = self.inner.store.nodes().await?;
        let name = live.iter().find(|node| node.id == id).map(|node| node.name.as_str());
        let audit =
            self.audit_of(caller, AuditKind::Node, AuditAction::Deleted).of(id, name.unwrap_or_default());
        match self.inner.store.delete_node(Some(org_id), id, &audit).await? {
            NodeDeleted::Deleted => {
                self.nodes_changed();
                Ok(())
            }
            NodeDeleted::NotFound => Err(Error::NotFound(ResourceKind::Node)),
            NodeDeleted::AlreadyGone => Err(Error::Rule {
                code: "NODE_ALREADY_DELETED",
                message: "this node is no longer registered: it was deleted, it left, or its key was deleted"
                    .to_owned(),
            }),
        }
    }
}
