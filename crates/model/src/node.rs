//! Nodes: gateways and probers next to buckets.

use jiff::Timestamp;

use crate::id::{NodeId, NodeKeyId, OrgId};

/// A node as the control plane knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields without a comment speak for themselves")]
pub struct Node {
    pub id: NodeId,
    /// Organization that the node serves; `None` for a node of the deployment, which serves all.
    pub org_id: Option<OrgId>,
    /// Unique name: a host name or address by which clients reach the node (`ip` on the wire).
    pub name: String,
    /// Where the node runs, as it reports it.
    pub region: String,
    /// Cloud that the node runs in, as it reports it.
    pub provider: String,
    /// Bucketry version of the node.
    pub version: String,
    /// Public keys to seal secrets to; the first one is in use.
    pub recipients: Vec<String>,
    /// The key that signed the node's latest registration.
    pub key_id: NodeKeyId,
    /// When the node first registered.
    pub created_at: Timestamp,
    /// Time of the last contact.
    pub last_seen: Timestamp,
}

/// Whether a node serves an organization's buckets.
pub fn serves(node: &Node, org_id: OrgId) -> bool {
    node.org_id.is_none_or(|own| own == org_id)
}

/// The longest accepted node name, in bytes: the limit for host names.
pub const MAX_NAME_BYTES: usize = 253;

/// Whether a text is a valid node name, which may contain the characters of a URL's host.
pub fn is_node_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_NAME_BYTES
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':' | b'[' | b']'))
}
