//! `/stats`: traffic by minute, by hour and by day.

use bucketry_api_types::traffic::{HourlyStats, HourlyStatsList, StatsList};
use bucketry_model::id::{BucketId, RepoId, WorkspaceId};
use bucketry_model::usage::Resolution;

use super::{ApiClient, with_query};
use crate::error::ClientError;

/// Which traffic to read. An empty list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrafficSelection {
    /// The first period, as a date or RFC 3339 date-time. `None`: the server's default.
    pub from: Option<String>,
    /// The last period. `None`: the current one.
    pub until: Option<String>,
    /// Only the buckets of this workspace.
    pub workspace: Option<WorkspaceId>,
    /// Only these buckets.
    pub buckets: Vec<BucketId>,
    /// Only traffic through these repositories.
    pub repositories: Vec<RepoId>,
}

impl ApiClient {
    /// Returns a page of the traffic by minute or day, one entry per period, bucket, repository and node, newest first.
    pub async fn traffic_page(
        &self,
        resolution: Resolution,
        selection: &TrafficSelection,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<StatsList, ClientError> {
        let path = match resolution {
            Resolution::Minute => "/stats/minute",
            Resolution::Day => "/stats/daily",
        };
        let workspace = selection.workspace.map(|id| id.to_string());
        let limit = limit.to_string();
        let (buckets, repositories) = (joined(&selection.buckets), joined(&selection.repositories));
        let parameters = [
            ("startDate", selection.from.as_deref()),
            ("endDate", selection.until.as_deref()),
            ("workspaceId", workspace.as_deref()),
            ("bucketId", buckets.as_deref()),
            ("repoId", repositories.as_deref()),
            ("limit", Some(limit.as_str())),
            ("cursor", cursor),
        ];
        self.get(&with_query(path, &parameters)).await
    }

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

/// Ids as a parameter; `None` without any.
fn joined(ids: &[impl ToString]) -> Option<String> {
    (!ids.is_empty()).then(|| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}
