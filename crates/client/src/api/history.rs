//! The history of buckets.

use bucketry_api_types::history::{
    DiagnosisAnswer, OutageList, StatusEventInfo, StatusEventList, StoredDiagnosis,
};
use bucketry_model::id::{BucketId, WorkspaceId};

use super::{ApiClient, with_query};
use crate::error::ClientError;

impl ApiClient {
    /// Returns the newest `limit` changes of a bucket's status.
    pub async fn bucket_events(&self, id: BucketId, limit: u32) -> Result<Vec<StatusEventInfo>, ClientError> {
        let path = with_query(&format!("/bucket/{id}/events"), &[("limit", Some(&limit.to_string()))]);
        self.get(&path).await.map(|list: StatusEventList| list.events)
    }

    /// Returns the newest `limit` changes of the status of all buckets that the caller sees.
    pub async fn events(
        &self,
        workspace: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<StatusEventInfo>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        let parameters = [("workspaceId", workspace.as_deref()), ("limit", Some(&*limit.to_string()))];
        self.get(&with_query("/events", &parameters)).await.map(|list: StatusEventList| list.events)
    }

    /// Returns the outages of a bucket, newest first.
    pub async fn bucket_outages(&self, id: BucketId) -> Result<OutageList, ClientError> {
        self.get(&format!("/bucket/{id}/outages")).await
    }

    /// Returns the last diagnosis of a bucket. `None` if it has never been validated.
    pub async fn bucket_diagnosis(&self, id: BucketId) -> Result<Option<StoredDiagnosis>, ClientError> {
        self.get(&format!("/bucket/{id}/diagnosis")).await.map(|answer: DiagnosisAnswer| answer.diagnosis)
    }
}
