//! What metrics say about each bucket.

use async_trait::async_trait;
use bucketry_model::bucket::StorageType;
use bucketry_model::endpoint::Endpoint;
use bucketry_model::id::{BucketId, WorkspaceId};
use bucketry_model::name::Name;

use crate::Result;
use crate::bucket::NodeStatusRow;

/// A live bucket of any organization, with the reports of nodes.
#[expect(missing_docs, reason = "the other fields are columns of the bucket's row")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoredBucket {
    pub id: BucketId,
    pub name: Name,
    /// The name of the bucket's workspace.
    pub workspace: Name,
    pub storage_type: StorageType,
    pub endpoint: Option<Endpoint>,
    /// The latest report of each registered node that has ever reported on the bucket.
    pub nodes: Vec<NodeStatusRow>,
}

/// Reads buckets for metrics, regardless of organizations and callers.
#[async_trait]
pub trait MonitoringStore {
    /// The oldest live buckets, at most `limit`: of a workspace, or of all organizations together. The cost depends on
    /// `limit` only.
    async fn monitored_buckets(
        &self,
        workspace: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<MonitoredBucket>>;

    /// Whether there is such a live workspace in any organization.
    async fn has_workspace(&self, id: WorkspaceId) -> Result<bool>;
}
