//! The history of buckets.

use bucketry_api_types::history::{
    DiagnosisAnswer, OutageList, StatusEventInfo, StatusEventList, StoredDiagnosis,
};
use bucketry_model::id::{BucketId, WorkspaceId};

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// Which changes of the status of buckets to read. Values are those of the query of `GET /events`.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are the query's parameters")]
pub struct StatusEventSelection {
    pub since: Option<String>,
    pub until: Option<String>,
    pub limit: u32,
}

impl StatusEventSelection {
    fn path(&self, path: &str, workspace: Option<WorkspaceId>) -> String {
        let (workspace, limit) = (workspace.map(|id| id.to_string()), self.limit.to_string());
        let parameters = [
            ("workspaceId", workspace.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
            ("limit", Some(limit.as_str())),
        ];
        with_query(path, &parameters)
    }
}

impl ApiClient {
    /// Returns the newest changes of a bucket's status.
    pub async fn bucket_events(
        &self,
        id: BucketId,
        selection: &StatusEventSelection,
    ) -> Result<Vec<StatusEventInfo>, ClientError> {
        let path = selection.path(&format!("/bucket/{id}/events"), None);
        self.get(&path).await.map(|list: StatusEventList| list.events)
    }

    /// Returns the newest changes of the status of all buckets that the caller sees.
    pub async fn events(
        &self,
        workspace: Option<WorkspaceId>,
        selection: &StatusEventSelection,
    ) -> Result<Vec<StatusEventInfo>, ClientError> {
        self.get(&selection.path("/events", workspace)).await.map(|list: StatusEventList| list.events)
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
