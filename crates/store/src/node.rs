//! Nodes, and the keys that verify their messages.

use async_trait::async_trait;
use bucketry_model::audit::AuditEntry;
use bucketry_model::id::{NodeId, NodeKeyId, OrgId};
use bucketry_model::node::{HeartbeatReport, LastHeartbeat, Node};
use jiff::Timestamp;

use crate::Result;

/// A public key that verifies messages of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeKey {
    /// The id under which the key is listed and removed.
    pub id: NodeKeyId,
    /// The organization whose nodes sign with the key. `None` for the deployment's own nodes.
    pub org_id: Option<OrgId>,
    /// The key as a SubjectPublicKeyInfo in PEM.
    pub public_key: String,
    /// When the key was added.
    pub created_at: Timestamp,
}

/// A registration of a node.
#[derive(Debug, Clone)]
pub struct NodeRegistration {
    /// The id for a node that is new. A known node keeps its id.
    pub id: NodeId,
    /// The organization that the node serves. `None` for all.
    pub org_id: Option<OrgId>,
    /// The unique name of the node.
    pub name: String,
    /// The region that the node runs in.
    pub region: String,
    /// The cloud that the node runs in.
    pub provider: String,
    /// The version of the node's software.
    pub version: String,
    /// The node's public keys, the current one first.
    pub recipients: Vec<String>,
    /// Which of them secrets may be sealed to.
    pub approval: KeyApproval,
    /// The key that verified the message.
    pub key_id: NodeKeyId,
    /// The most live nodes that the organization may have. `None` for no limit.
    pub quota: Option<u64>,
    /// The stored time of the last contact with the node that has this name, if the caller has observed that there was no further
    /// one for so long that the node isn't connected. Otherwise, the clocks decide.
    pub silent_at: Option<Timestamp>,
}

/// Which keys of a registration are approved with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyApproval {
    /// Those that were approved before. The others wait for an operator.
    AsBefore,
    /// All, if one of them was approved before: the node replaces its keys because it was asked to.
    Rotating,
    /// All: the keys of the server's own node.
    All,
}

/// The outcome of approving a node's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeApproved {
    /// Secrets are sealed to the key from now on, and existing ones are sealed again.
    Approved,
    /// It was approved before.
    AlreadyApproved,
    /// The node has another key in use.
    OtherKey,
    /// There is no such node.
    NotFound,
}

/// The outcome of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeRegistered {
    /// The node as it is now stored. A node of the same name was updated.
    Registered(Box<Node>),
    /// A node of another organization has this name.
    NameTaken,
    /// A connected node has the name, and secrets are sealed to its keys, which are others.
    NameInUse {
        /// The last contact with that node.
        last_seen: Timestamp,
    },
    /// The organization's key that signed the registration was deleted meanwhile.
    KeyDeleted,
    /// An administrator deleted the node after the key was created. Only a newer key brings it back.
    Deleted,
    /// The organization has the maximum number of nodes, and this is another one.
    QuotaExceeded,
}

/// The outcome of deleting a node of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeDeleted {
    /// The node was deleted.
    Deleted,
    /// The node was deleted before, it has unregistered, or its key was deleted.
    AlreadyGone,
    /// The organization never had such a node.
    NotFound,
}

/// The outcome of adding a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKeyInserted {
    /// The key was added.
    Inserted,
    /// The organization already has the maximum number of keys.
    TooMany,
}

/// Stores nodes and their keys.
#[async_trait]
pub trait NodeStore {
    /// Registers a node, or updates the one of the same name.
    async fn register_node(
        &self,
        registration: &NodeRegistration,
        audit: &AuditEntry,
    ) -> Result<NodeRegistered>;

    /// All live nodes, by name.
    async fn nodes(&self) -> Result<Vec<Node>>;

    /// Approves the key that a node has in use, if it is `recipient`, and requests that existing secrets are sealed
    /// again.
    async fn approve_node(&self, id: NodeId, recipient: &str, audit: &AuditEntry) -> Result<NodeApproved>;

    /// Records a node's heartbeat, which continues the previous one ([`LastHeartbeat::reported`]). Returns what it recorded;
    /// `None` if the node isn't registered.
    async fn record_heartbeat(
        &self,
        id: NodeId,
        report: HeartbeatReport,
        now: Timestamp,
    ) -> Result<Option<LastHeartbeat>>;

    /// Removes a node and its latest reports on buckets. Its day records are retained. Returns whether it was
    /// registered.
    async fn unregister_node(&self, id: NodeId, audit: &AuditEntry) -> Result<bool>;

    /// Deletes a node of an organization, or with `None` one of the deployment, like [`NodeStore::unregister_node`].
    /// A node of an organization can't register again with a key that exists now; one of the deployment can, and waits
    /// for approval then.
    async fn delete_node(&self, org_id: Option<OrgId>, id: NodeId, audit: &AuditEntry)
    -> Result<NodeDeleted>;

    /// Adds a key. An organization may have `at_most` keys; the deployment's own keys are not limited.
    async fn insert_node_key(
        &self,
        key: &NodeKey,
        at_most: usize,
        audit: &AuditEntry,
    ) -> Result<NodeKeyInserted>;

    /// The keys of an organization, or with `None` the deployment's own. Newest first.
    async fn node_keys(&self, org_id: Option<OrgId>) -> Result<Vec<NodeKey>>;

    /// Removes keys of an organization, each with its audit record, or with `None` the deployment's own. Nodes that
    /// registered with them must register again. Skips keys that don't exist. Returns how many were removed.
    async fn delete_node_keys(&self, org_id: Option<OrgId>, keys: &[(NodeKeyId, AuditEntry)]) -> Result<u64>;
}
