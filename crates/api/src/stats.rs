//! `/stats`: traffic by minute and by day, and node reports on buckets.

mod nodes;

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_api_types::traffic::{StatsData, StatsList};
use bucketry_control::Control;
use bucketry_control::traffic::{Series, SeriesInput};
use bucketry_model::usage::Resolution;
use bucketry_store::usage::{SeriesPoint, SeriesPosition};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::{DateOrTime, Params};
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(daily)).routes(routes!(minute)).merge(nodes::routes())
}

fn point(SeriesPoint { position, bucket_id, repo_id, host, counts, .. }: &SeriesPoint) -> StatsData<'_> {
    StatsData {
        timestamp: position.at,
        repo_id: *repo_id,
        bucket_id: *bucket_id,
        unit_id: *bucket_id,
        upl_bytes: Count(counts.upload_bytes),
        dwl_bytes: Count(counts.download_bytes),
        size_change: Count(counts.size_change),
        latency_ms: counts.latency_ms(),
        first_byte_ms: counts.first_byte_ms(),
        host: host.as_str().into(),
        requests: counts.requests,
        errors: counts.errors,
        provider_errors: counts.provider_errors,
        reads: counts.reads,
        writes: counts.writes,
        lists: counts.lists,
    }
}

struct Points {
    control: Control,
    series: Series,
}

impl Source for Points {
    type Entry = SeriesPoint;
    type Position = SeriesPosition;

    async fn read(&self, after: Option<SeriesPosition>, limit: u32) -> ApiResult<Vec<SeriesPoint>> {
        Ok(self.control.series_page(&self.series, after, limit).await?)
    }

    fn position(entry: &SeriesPoint) -> SeriesPosition {
        entry.position
    }

    fn show(entry: &SeriesPoint) -> impl Serialize {
        point(entry)
    }
}

async fn answer(
    resolution: Resolution,
    caller: &Authenticated,
    state: &ApiState,
    params: &Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let input = SeriesInput {
        resolution,
        from: params.moments("startDate")?.map(DateOrTime::first),
        until: params.moments("endDate")?.map(DateOrTime::last),
        workspace: params.id("workspaceId")?,
        buckets: params.ids(&["bucketId", "unitId"])?,
        repositories: params.ids(&["repoId"])?,
        hosts: params.texts("hosts"),
    };
    let series = state.control().series(caller, input).await?;
    pagination::answer(Points { control: state.control().clone(), series }, Frame::Named("data"), page).await
}

/// Returns traffic by UTC day.
///
/// One entry per day, bucket, repository and node with traffic, newest day first. Without `endDate`, the range ends
/// now; without `startDate`, it covers the 30 days before `endDate`. Both days are included. The longest range is
/// 3,660 days.
#[utoipa::path(
    get,
    path = "/stats/daily",
    tag = "Statistics",
    operation_id = "dailyStats",
    security(("bearer" = [])),
    params(
        ("startDate" = Option<String>, Query, description = "The first day, as a date or RFC 3339 date-time"),
        ("endDate" = Option<String>, Query, description = "The last day, as a date or RFC 3339 date-time"),
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("repoId" = Option<String>, Query, description = "Only these repositories: ids, separated by commas"),
        ("hosts" = Option<String>, Query, description = "Only these nodes: names, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The traffic", body = StatsList),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn daily(caller: Authenticated, State(state): State<ApiState>, params: Params) -> ApiResult<Response> {
    answer(Resolution::Day, &caller, &state, &params).await
}

/// Returns traffic by minute.
///
/// One entry per minute, bucket, repository and node with traffic, newest minute first. Without `endDate`, the
/// range ends now; without `startDate`, it covers the 24 hours before `endDate`. Both minutes are included, and a
/// date covers its whole day. The longest range is 31 days. Minutes are retained for as long as the operator
/// configures (32 days by default).
#[utoipa::path(
    get,
    path = "/stats/minute",
    tag = "Statistics",
    operation_id = "minuteStats",
    security(("bearer" = [])),
    params(
        ("startDate" = Option<String>, Query, description = "The first minute, as a date or RFC 3339 date-time"),
        ("endDate" = Option<String>, Query, description = "The last minute, as a date or RFC 3339 date-time"),
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("repoId" = Option<String>, Query, description = "Only these repositories: ids, separated by commas"),
        ("hosts" = Option<String>, Query, description = "Only these nodes: names, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The traffic", body = StatsList),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn minute(caller: Authenticated, State(state): State<ApiState>, params: Params) -> ApiResult<Response> {
    answer(Resolution::Minute, &caller, &state, &params).await
}
