//! The nodes of a deployment.

use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use super::ApiClient;
use crate::error::ClientError;

/// A node as the API lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// Unique name of the node.
    pub ip: String,
    /// Whether the node was in contact recently.
    pub status: Status,
    /// URL of the node's gateway for applications, if it reported one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<String>,
}

#[derive(Deserialize)]
struct NodeList {
    data: Vec<NodeInfo>,
}

impl ApiClient {
    /// Lists the nodes that serve the caller's organization, by name.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, ClientError> {
        self.get("/node").await.map(|list: NodeList| list.data)
    }
}
