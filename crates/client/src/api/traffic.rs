//! `/stats`: traffic by hour.

use bucketry_api_types::traffic::{HourlyStats, HourlyStatsList};
use bucketry_model::id::WorkspaceId;

use super::{ApiClient, with_query};
use crate::error::ClientError;

impl ApiClient {
    /// Returns the traffic of a workspace, or of all that the caller sees, by hour and node. `start` and `end` are dates
    /// or RFC 3339 date-times; the default is the last seven days.
    pub async fn hourly_traffic(
        &self,
        workspace: Option<WorkspaceId>,
        (start, end): (Option<&str>, Option<&str>),
    ) -> Result<Vec<HourlyStats<'static>>, ClientError> {
        let workspace = workspace.map(|id| id.to_string());
        let parameters = [("workspaceId", workspace.as_deref()), ("startDate", start), ("endDate", end)];
        let rows: HourlyStatsList = self.get(&with_query("/stats/hourly", &parameters)).await?;
        Ok(rows.data)
    }
}
