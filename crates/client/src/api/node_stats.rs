//! `/stats/nodes`: what nodes report about buckets, now and by day.

use bucketry_model::bucket::StorageType;
use bucketry_model::id::{BucketId, NodeId, WorkspaceId};
use jiff::Timestamp;
use serde::Deserialize;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// The state of one bucket as one node last saw it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct NodeMinute {
    pub node_id: NodeId,
    pub bucket_id: BucketId,
    /// ONLINE, OFFLINE or DISCONNECTED.
    pub node_status: String,
    /// When the node last probed the bucket.
    pub last_updated: Timestamp,
    /// Latency of the last successful probe, in milliseconds.
    #[serde(rename = "latency_ms")]
    pub latency_ms: f64,
}

/// One UTC day of one bucket as one node saw it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are those of the wire")]
pub struct NodeDaily {
    pub node_id: NodeId,
    /// The bucket may be deleted.
    pub bucket_id: BucketId,
    /// Day, month and year as the digits of one number: `31012026`, `1012026`.
    pub day: u32,
    /// Share of the observed time in which the bucket was online, in percent.
    pub online: f64,
    /// Mean latency, in milliseconds.
    #[serde(rename = "latency_ms")]
    pub latency_ms: f64,
    /// URL of the provider; empty for the public one.
    pub endpoint: String,
    /// Region; empty if none is set.
    pub region: String,
    /// Protocol of the provider.
    pub storage_type: StorageType,
    /// Provider, recognised from the endpoint.
    pub provider: String,
    /// ONLINE, OFFLINE or DISCONNECTED, after the day's last probe.
    pub status: String,
    /// Bucketry version of the node.
    pub version: String,
}

#[derive(Deserialize)]
struct Rows<T> {
    data: Vec<T>,
}

/// The query values for the named buckets, or for all that the caller sees, optionally in one workspace.
fn selection(buckets: &[BucketId], workspace: Option<WorkspaceId>) -> (Option<String>, Option<String>) {
    let list = buckets.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    ((!buckets.is_empty()).then_some(list), workspace.map(|id| id.to_string()))
}

impl ApiClient {
    /// Returns how nodes currently see some buckets, or all that the caller sees if `buckets` is empty.
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

    /// Returns how nodes saw them by UTC day. Dates are `ddmmyyyy` and inclusive; the default is the last thirty
    /// days.
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
