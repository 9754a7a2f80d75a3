//! Nodes.

use bucketry_model::status::Status;
use serde::{Deserialize, Serialize};

use super::ApiClient;
use crate::error::ClientError;

/// A node as the API lists it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// Its unique name.
    pub ip: String,
    /// Whether it was heard of lately.
    pub status: Status,
    /// Where applications reach its gateway, where it told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<String>,
}

#[derive(Deserialize)]
struct NodeList {
    data: Vec<NodeInfo>,
}

impl ApiClient {
    /// The nodes that serve the caller's organization, by name.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, ClientError> {
        self.get("/node").await.map(|list: NodeList| list.data)
    }
}
