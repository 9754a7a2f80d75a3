//! What needs attention.

use bucketry_api_types::finding::FindingList;

use super::ApiClient;
use crate::error::ClientError;

impl ApiClient {
    /// Returns what needs attention, the most urgent first.
    pub async fn findings(&self) -> Result<FindingList, ClientError> {
        self.get("/findings").await
    }
}
