//! `/stats`: traffic by minute and by day, and node reports on buckets.

mod nodes;

use axum::extract::State;
use axum::response::Response;
use bucketry_control::Control;
use bucketry_control::traffic::{Series, SeriesInput};
use bucketry_model::id::{BucketId, RepoId};
use bucketry_model::usage::Resolution;
use bucketry_store::usage::{SeriesPoint, SeriesPosition};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::bucket::totals::Count;
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

/// The traffic of one minute or UTC day, for one bucket, repository and node.
#[derive(Serialize, ToSchema)]
#[schema(as = StatsData)]
pub(crate) struct Point<'a> {
    /// The start of the minute or UTC day, in Unix seconds.
    #[schema(example = 1_767_225_600)]
    timestamp: i64,
    /// The repository that the requests used; null for requests without a repository.
    #[serde(rename = "repoId")]
    #[schema(value_type = Option<String>, format = "uuid")]
    repo_id: Option<RepoId>,
    /// The bucket's id.
    #[serde(rename = "bucketId")]
    #[schema(value_type = String, format = "uuid")]
    bucket_id: BucketId,
    /// The bucket's id, under its old name.
    #[serde(rename = "unitId")]
    #[schema(value_type = String, format = "uuid")]
    unit_id: BucketId,
    /// Bytes that clients sent.
    upl_bytes: Count,
    /// Bytes that clients received.
    dwl_bytes: Count,
    /// Change of the stored size, in bytes. Negative if more was deleted than written.
    size_change: Count,
    /// Mean latency per request, in milliseconds.
    latency_ms: f64,
    /// Mean time to the first byte of the response, in milliseconds.
    first_byte_ms: f64,
    /// The name of the node that served the requests.
    #[schema(example = "node-1.example.com")]
    host: &'a str,
    /// Requests that the node served.
    requests: i64,
    /// Requests that failed, for any reason.
    errors: i64,
    /// Failed requests whose error came from the provider.
    provider_errors: i64,
    /// Requests that read an object or its attributes.
    reads: i64,
    /// Requests that stored, copied or deleted an object.
    writes: i64,
    /// Requests that listed objects.
    lists: i64,
}

impl<'a> From<&'a SeriesPoint> for Point<'a> {
    fn from(SeriesPoint { position, bucket_id, repo_id, host, counts, .. }: &'a SeriesPoint) -> Self {
        Self {
            timestamp: position.at,
            repo_id: *repo_id,
            bucket_id: *bucket_id,
            unit_id: *bucket_id,
            upl_bytes: Count(counts.upload_bytes),
            dwl_bytes: Count(counts.download_bytes),
            size_change: Count(counts.size_change),
            latency_ms: counts.latency_ms(),
            first_byte_ms: counts.first_byte_ms(),
            host,
            requests: counts.requests,
            errors: counts.errors,
            provider_errors: counts.provider_errors,
            reads: counts.reads,
            writes: counts.writes,
            lists: counts.lists,
        }
    }
}

/// Traffic by minute or by day.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `pagination`")]
pub(crate) struct StatsList {
    /// Always true.
    success: bool,
    /// The entries, newest period first.
    #[schema(inline = false)]
    data: Vec<Point<'static>>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
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
        Point::from(entry)
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
