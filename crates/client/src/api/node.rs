//! The nodes of a deployment.

use bucketry_api_types::node::{NodeList, RegisteredNode};

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Lists the nodes that serve the caller's organization, by name.
    pub async fn nodes(&self) -> Result<Vec<RegisteredNode>, ClientError> {
        self.get("/node").await.map(|list: NodeList| list.data)
    }
}
