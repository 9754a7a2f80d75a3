//! The nodes of a deployment.

use bucketry_api_types::node::{ApproveNode, NodeList, RegisteredNode};
use bucketry_api_types::outcome::Message;
use bucketry_model::id::NodeId;

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Lists the nodes that serve the caller's organization, by name.
    pub async fn nodes(&self) -> Result<Vec<RegisteredNode>, ClientError> {
        self.get("/node").await.map(|list: NodeList| list.data)
    }

    /// Approves the public key that a node has in use.
    pub async fn approve_node(&self, id: NodeId, recipient: &str) -> Result<(), ClientError> {
        let body = ApproveNode { recipient: recipient.to_owned() };
        self.post(&format!("/node/{id}/approval"), &body).await.map(|_: Message| ())
    }

    /// Deletes a node of the deployment; with `force`, even if no other one opens the stored secrets.
    pub async fn delete_node(&self, id: NodeId, force: bool) -> Result<(), ClientError> {
        self.delete(&format!("/node/{id}?force={force}")).await.map(|_: Message| ())
    }
}
