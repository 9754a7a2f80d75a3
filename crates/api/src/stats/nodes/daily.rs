//! `GET /stats/nodes/daily`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::node_stats::{NodeStatsDaily, NodeStatsDailyList};
use bucketry_control::Control;
use bucketry_control::buckets::{BucketDays, NodeStatistics};
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use super::selection::select;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Elements, Frame, Source};
use crate::params::{Page, Params};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/stats/nodes/daily?bucketId={bucketId}");

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
pub(crate) async fn daily(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
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
