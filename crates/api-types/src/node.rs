//! The nodes of a deployment.

use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{NodeId, OrgId};
use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// A node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", schema(as = NodeInfo))]
pub struct RegisteredNode {
    /// The node's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub id: NodeId,
    /// The unique name of the node.
    pub ip: String,
    /// The region that the node runs in.
    pub region: String,
    /// The version that the node runs.
    pub version: String,
    /// ONLINE if the node sent a message within the last minute, else DISCONNECTED.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "ONLINE"))]
    pub status: Status,
    /// When the node last sent a message.
    pub last_updated: Moment,
    /// Where clients reach the node: the address of its gateway or, if it has not reported one, `https://` and its
    /// name.
    pub url: String,
    /// The address at which applications reach the node's gateway. Absent if the node has not reported one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "https://s3.example.com"))]
    pub gateway_url: Option<Endpoint>,
    /// The organization that the node serves. Absent for the deployment's own nodes, which serve all organizations.
    #[serde(rename = "id_org", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "uuid"))]
    pub id_org: Option<OrgId>,
    /// The services that the node offers, as a bit mask: 1 is storage.
    pub node_services: u32,
    /// Whether secrets are sealed to the node. A node without a public key needs no approval, and opens none.
    #[serde(default)]
    pub approval: NodeApproval,
    /// The public key of the node that is in use: an age recipient. Absent if the node has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(example = "age1…"))]
    pub recipient: Option<String>,
    /// The progress of sealing the stored secrets to the current nodes, after one was approved or removed. Absent if
    /// that is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrap: Option<RewrapProgress>,
}

/// Whether secrets may be sealed to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NodeApproval {
    /// The node waits for approval.
    Pending,
    /// The node gets every secret that it serves.
    #[default]
    Approved,
}

/// How far the deployment's stored secrets have been sealed to the current nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "state")]
pub enum RewrapProgress {
    /// In progress.
    Running {
        /// The share of the secrets that were examined, from 0 to 99.
        #[cfg_attr(feature = "openapi", schema(maximum = 99))]
        percent: u8,
    },
    /// No connected node could open some of them. It continues when another node is connected.
    Waiting {
        /// How many. Absent unless the caller belongs to the deployment's first organization.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<u64>,
    },
}

/// The approval of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApproveNode {
    /// The public key that is approved, as `GET /node` shows it. Another one isn't.
    pub recipient: String,
}

/// A list of nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeList {
    /// Always true.
    pub success: bool,
    /// The nodes, by name.
    pub data: Vec<RegisteredNode>,
    /// The number of nodes. Absent in pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
