//! `/stats/nodes`: what nodes report of buckets, now and by day.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use jiff::Timestamp;
use serde::Deserialize;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// How one node last saw one bucket.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeMinute {
    /// The node.
    pub node_id: NodeId,
    /// The bucket.
    pub bucket_id: BucketId,
    /// ONLINE, OFFLINE or DISCONNECTED.
    pub node_status: String,
    /// When the node probed it last.
    pub last_updated: Timestamp,
    /// The latency of the last successful probe, in milliseconds.
    #[serde(rename = "latency_ms")]
    pub latency_ms: f64,
}

/// How one node saw one bucket in one UTC day.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeDaily {
    /// The node.
    pub node_id: NodeId,
    /// The bucket, which may be deleted.
    pub bucket_id: BucketId,
    /// Day, month and year as the digits of one number: `31012026`, `1012026`.
    pub day: u32,
    /// Percent of the observed time.
    pub online: f64,
    /// Mean latency, in milliseconds.
    #[serde(rename = "latency_ms")]
    pub latency_ms: f64,
    /// The bucket's address; empty for the provider's own.
    pub endpoint: String,
    /// The bucket's region; empty where none is set.
    pub region: String,
    /// The protocol of its provider.
    pub storage_type: StorageType,
    /// Whose storage it is.
    pub provider: String,
    /// ONLINE, OFFLINE or DISCONNECTED, after the day's last probe.
    pub status: String,
    /// The version that the node runs.
    pub version: String,
}

#[derive(Deserialize)]
struct Rows<T> {
    data: Vec<T>,
}

/// Which buckets: the named ones, or all that the caller may see; with a workspace, only those in it.
fn selection(buckets: &[BucketId], workspace: Option<WorkspaceId>) -> (Option<String>, Option<String>) {
    let list = buckets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    ((!buckets.is_empty()).then_some(list), workspace.map(|id| id.to_string()))
}

impl ApiClient {
    /// How nodes see some buckets, or all that the caller sees, now.
    pub async fn node_minutes(
        &self,
        buckets: &[BucketId],
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<NodeMinute>, ClientError> {
        let (list, workspace) = selection(buckets, workspace);
        let parameters = [("bucketId", list.as_deref()), ("workspaceId", workspace.as_deref())];
        let rows: Rows<NodeMinute> = self.get(&with_query("/stats/nodes/minute", &parameters)).await?;
        Ok(rows.data)
    }

    /// How nodes saw them by UTC day. Dates are `ddmmyyyy`, both included; without them it is the last thirty days.
    pub async fn node_days(
        &self,
        buckets: &[BucketId],
        workspace: Option<WorkspaceId>,
        (start, end): (Option<&str>, Option<&str>),
    ) -> Result<Vec<NodeDaily>, ClientError> {
        let (list, workspace) = selection(buckets, workspace);
        let parameters = [
            ("bucketId", list.as_deref()),
            ("workspaceId", workspace.as_deref()),
            ("startDate", start),
            ("endDate", end),
        ];
        let rows: Rows<NodeDaily> = self.get(&with_query("/stats/nodes/daily", &parameters)).await?;
        Ok(rows.data)
    }
}
