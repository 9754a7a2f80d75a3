//! Nodes: the gateways and probers that run next to buckets.

use jiff::Timestamp;

use crate::id::{NodeId, OrgId};

/// A node as the control plane knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The organization that it serves; none for a node of the deployment, which serves all.
    pub org_id: Option<OrgId>,
    /// Its unique name: a host name or address that clients reach it by (`ip` on the wire).
    pub name: String,
    /// Where it runs.
    pub region: String,
    /// Whose cloud it runs in.
    pub provider: String,
    /// The version of Bucketry that it runs.
    pub version: String,
    /// The public keys that secrets must be sealed to for it, the one in use first.
    pub recipients: Vec<String>,
    /// When it registered first.
    pub created_at: Timestamp,
    /// When it was last heard of.
    pub last_seen: Timestamp,
}

/// Which nodes serve an organization's buckets.
pub fn serves(node: &Node, org_id: OrgId) -> bool {
    node.org_id.is_none_or(|own| own == org_id)
}

/// Longest accepted node name (a host name's bound), in bytes.
pub const MAX_NAME_BYTES: usize = 253;

/// Whether a text can be a node's name: what can stand in a URL's host.
pub fn is_node_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME_BYTES
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']'))
}
