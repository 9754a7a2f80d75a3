//! A node in a response.

use bucketry_api_types::moment::Moment;
use bucketry_api_types::node::{NodeApproval, RegisteredNode, RewrapProgress};
use bucketry_control::presence::NodeView;
use bucketry_control::secret_access::SecretAccess;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::status::Status;

/// The only service that nodes offer so far: storage.
pub(crate) const STORAGE: u32 = 1;

pub(crate) fn registered_node(view: &NodeView) -> RegisteredNode {
    let node = &view.node;
    RegisteredNode {
        id: node.id,
        ip: node.name.clone(),
        region: node.region.clone(),
        version: node.version.clone(),
        status: if view.connected { Status::Online } else { Status::Disconnected },
        last_updated: Moment(node.last_seen),
        url: view.gateway_url.as_ref().map_or_else(|| format!("https://{}", node.name), Endpoint::to_string),
        gateway_url: view.gateway_url.clone(),
        id_org: node.org_id,
        node_services: STORAGE,
        approval: if view.secrets == SecretAccess::Pending {
            NodeApproval::Pending
        } else {
            NodeApproval::Approved
        },
        recipient: node.recipients.first().cloned(),
        rewrap: match view.secrets {
            SecretAccess::Sealing { percent } => Some(RewrapProgress::Running { percent }),
            SecretAccess::Incomplete { failed } => Some(RewrapProgress::Waiting { failed }),
            SecretAccess::Pending | SecretAccess::Complete => None,
        },
    }
}
