//! Nodes and the keys that verify their messages.

use async_trait::async_trait;
use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
use bucketry_model::node::Node;
use jiff::Timestamp;

use crate::Result;

/// A public key that node messages are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeKey {
    /// Its id.
    pub id: NodeKeyId,
    /// The organization whose nodes sign with it; none for the deployment's own nodes.
    pub org_id: Option<OrgId>,
    /// The key as SubjectPublicKeyInfo PEM.
    pub public_key: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A node that registers.
#[derive(Debug, Clone)]
pub struct NodeRegistration {
    /// The id it gets if it is new.
    pub id: NodeId,
    /// Whom it serves.
    pub org_id: Option<OrgId>,
    /// Its unique name.
    pub name: String,
    /// Where it runs.
    pub region: String,
    /// Whose cloud it runs in.
    pub provider: String,
    /// The version it runs.
    pub version: String,
    /// Public keys to seal secrets to, the one in use first.
    pub recipients: Vec<String>,
    /// The key that verified the message.
    pub key_id: NodeKeyId,
}

/// What came of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeRegistered {
    /// The node as it stands now; a name that was known before was updated.
    Registered(Node),
    /// A node of another organization has the name.
    NameTaken,
}

/// Keeps nodes.
#[async_trait]
pub trait NodeStore {
    /// Registers a node, or updates the one of the same name.
    async fn register_node(&self, registration: &NodeRegistration, now: Timestamp) -> Result<NodeRegistered>;

    /// All live nodes, by name.
    async fn nodes(&self) -> Result<Vec<Node>>;

    /// Notes that a node was heard of. Whether it is registered.
    async fn touch_node(&self, id: NodeId, now: Timestamp) -> Result<bool>;

    /// Removes a node and what it last said of buckets; its day records stay. Whether it was registered.
    async fn unregister_node(&self, id: NodeId, now: Timestamp) -> Result<bool>;

    /// Adds a key.
    async fn insert_node_key(&self, key: &NodeKey) -> Result<()>;

    /// The keys of an organization, or the deployment's own for none; newest first.
    async fn node_keys(&self, org_id: Option<OrgId>) -> Result<Vec<NodeKey>>;

    /// Removes a key; nodes that registered with it must register again. Whether there was such a key.
    async fn delete_node_key(&self, org_id: Option<OrgId>, id: NodeKeyId) -> Result<bool>;
}
