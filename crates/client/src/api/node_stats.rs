//! `/stats/nodes`: what nodes report about buckets, now, by hour and by day.

use bucketry_api_types::node_stats::{
    NodeStatsDaily, NodeStatsDailyList, NodeStatsHourly, NodeStatsHourlyList, NodeStatsMinute,
    NodeStatsMinuteList,
};
use bucketry_model::id::{BucketId, WorkspaceId};

use super::{ApiClient, with_query};
use crate::error::ClientError;

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
    ) -> Result<Vec<NodeStatsMinute>, ClientError> {
        let (list, workspace) = selection(buckets, workspace);
        let parameters = [("bucketId", list.as_deref()), ("workspaceId", workspace.as_deref())];
        let rows: NodeStatsMinuteList = self.get(&with_query("/stats/nodes/minute", &parameters)).await?;
        Ok(rows.data)
    }

    /// Returns how nodes saw them by hour, for at most the last seven days. `start` and `end` are dates or RFC 3339
    /// date-times.
    pub async fn node_hours(
        &self,
        buckets: &[BucketId],
        workspace: Option<WorkspaceId>,
        (start, end): (Option<&str>, Option<&str>),
    ) -> Result<Vec<NodeStatsHourly>, ClientError> {
        let (list, workspace) = selection(buckets, workspace);
        let parameters = [
            ("bucketId", list.as_deref()),
            ("workspaceId", workspace.as_deref()),
            ("startDate", start),
            ("endDate", end),
        ];
        let rows: NodeStatsHourlyList = self.get(&with_query("/stats/nodes/hourly", &parameters)).await?;
        Ok(rows.data)
    }

    /// Returns how nodes saw them by UTC day. Dates are `ddmmyyyy` and inclusive; the default is the last thirty
    /// days.
    pub async fn node_days(
        &self,
        buckets: &[BucketId],
        workspace: Option<WorkspaceId>,
        (start, end): (Option<&str>, Option<&str>),
    ) -> Result<Vec<NodeStatsDaily<'static>>, ClientError> {
        let (list, workspace) = selection(buckets, workspace);
        let parameters = [
            ("bucketId", list.as_deref()),
            ("workspaceId", workspace.as_deref()),
            ("startDate", start),
            ("endDate", end),
        ];
        let rows: NodeStatsDailyList = self.get(&with_query("/stats/nodes/daily", &parameters)).await?;
        Ok(rows.data)
    }
}
