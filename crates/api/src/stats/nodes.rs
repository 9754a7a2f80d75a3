//! `/stats/nodes`: node reports on buckets, current and by day.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::node_stats::{
    NodeStatsDaily, NodeStatsDailyList, NodeStatsMinute, NodeStatsMinuteList,
};
use bucketry_control::Control;
use bucketry_control::buckets::{BucketDays, BucketSelection, BucketStates, NodeStatistics};
use bucketry_store::bucket::PageStart;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Elements, Frame, Source};
use crate::params::{Page, Params};
use crate::state::ApiState;

/// The routes.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(minute)).routes(routes!(daily))
}

fn minutes(entry: &BucketStates) -> impl Iterator<Item = NodeStatsMinute> {
    let id = entry.position.id;
    entry.nodes.iter().map(move |state| NodeStatsMinute {
        node_id: state.node_id,
        bucket_id: id,
        unit_id: id,
        node_status: state.status,
        last_updated: Moment(state.last_updated),
        latency_ms: state.latency_ms.unwrap_or(0),
    })
}

fn days(entry: &BucketDays) -> impl Iterator<Item = NodeStatsDaily<'_>> {
    let (id, location) = (entry.position.id, &entry.location);
    entry.days.iter().map(move |row| NodeStatsDaily {
        node_id: row.node_id,
        bucket_id: id,
        unit_id: id,
        day: row.day.to_digits(),
        online: row.online_percent,
        latency_ms: row.latency_ms,
        endpoint: location.endpoint.as_ref().map(ToString::to_string).unwrap_or_default(),
        region: location.region.as_deref().unwrap_or_default().into(),
        storage_type: location.storage_type,
        provider: entry.provider.as_str().into(),
        status: row.status,
        version: row.version.as_str().into(),
    })
}

struct Minutes {
    control: Control,
    selection: BucketSelection,
}

impl Source for Minutes {
    type Entry = BucketStates;
    type Position = PageStart;

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketStates>> {
        Ok(self.control.bucket_states(&self.selection, after, limit).await?)
    }

    fn position(entry: &BucketStates) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketStates) -> impl Serialize {
        minutes(entry).collect::<Vec<_>>()
    }

    fn write(entry: &BucketStates, list: &mut Elements<'_>) -> ApiResult<()> {
        minutes(entry).try_for_each(|row| list.add(&row))
    }
}

struct Days {
    control: Control,
    statistics: NodeStatistics,
}

impl Source for Days {
    type Entry = BucketDays;
    type Position = PageStart;

    fn at_once(&self) -> u32 {
        self.statistics.most_buckets()
    }

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketDays>> {
        Ok(self.control.bucket_days(&self.statistics, after, limit).await?)
    }

    fn position(entry: &BucketDays) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketDays) -> impl Serialize {
        days(entry).collect::<Vec<_>>()
    }

    fn write(entry: &BucketDays, list: &mut Elements<'_>) -> ApiResult<()> {
        days(entry).try_for_each(|row| list.add(&row))
    }
}

async fn select(caller: &Authenticated, state: &ApiState, params: &Params) -> ApiResult<BucketSelection> {
    let (workspace, named) = (params.id("workspaceId")?, params.ids(&["bucketId", "unitId"])?);
    Ok(state.control().select_buckets(caller, named.as_deref(), workspace).await?)
}

/// Returns the current status of buckets, by node.
///
/// One entry per bucket and node that has probed it: for the buckets in `bucketId`, or for all that the caller may
/// see. Deleted buckets have no entries. `limit` counts buckets.
#[utoipa::path(
    get,
    path = "/stats/nodes/minute",
    tag = "Statistics",
    operation_id = "nodeStatsMinute",
    security(("bearer" = [])),
    params(
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Buckets per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The current status", body = NodeStatsMinuteList),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn minute(caller: Authenticated, State(state): State<ApiState>, params: Params) -> ApiResult<Response> {
    let page = params.page()?;
    let selection = select(&caller, &state, &params).await?;
    let source = Minutes { control: state.control().clone(), selection };
    pagination::answer(source, Frame::Named("data"), page).await
}

/// Returns statistics of buckets by UTC day and node.
///
/// One entry per bucket, day and node that probed the bucket that day. Dates are day, month and year as one number
/// (ddmmyyyy), with or without a leading zero; the range includes both days. Without `endDate`, the range ends
/// today; without `startDate`, it covers the 30 days up to `endDate`. The longest range is 366 days. Deleted
/// buckets are included only if `bucketId` names them. `limit` counts buckets, and a page may have fewer.
#[utoipa::path(
    get,
    path = "/stats/nodes/daily",
    tag = "Statistics",
    operation_id = "nodeStatsDaily",
    security(("bearer" = [])),
    params(
        ("startDate" = Option<String>, Query, description = "The first day, as ddmmyyyy", example = "1012026"),
        ("endDate" = Option<String>, Query, description = "The last day, as ddmmyyyy", example = "31012026"),
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Buckets per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The days", body = NodeStatsDailyList),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn daily(caller: Authenticated, State(state): State<ApiState>, params: Params) -> ApiResult<Response> {
    let page = params.page()?;
    let (first, last) = (params.numbered_day("startDate")?, params.numbered_day("endDate")?);
    let selection = select(&caller, &state, &params).await?;
    let statistics = state.control().node_statistics(selection, first, last)?;
    let page = match page {
        Page::Whole => Page::Whole,
        Page::Part { after, limit } => Page::Part { after, limit: limit.min(statistics.most_buckets()) },
    };
    let source = Days { control: state.control().clone(), statistics };
    pagination::answer(source, Frame::Named("data"), page).await
}
