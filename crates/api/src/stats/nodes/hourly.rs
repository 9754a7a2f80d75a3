//! `GET /stats/nodes/hourly`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::node_stats::{NodeHour, NodeStatsHourly, NodeStatsHourlyList};
use bucketry_control::Control;
use bucketry_control::buckets::{BucketHours, HourSelection, MOST_BUCKETS_OF_HOURS};
use bucketry_store::bucket::PageStart;
use serde::Serialize;

use super::selection::select;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Elements, Frame, Source};
use crate::params::{DateOrTime, Page, Params};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/stats/nodes/hourly?bucketId={bucketId}");

fn entries(bucket: &BucketHours) -> impl Iterator<Item = NodeStatsHourly> {
    let bucket_id = bucket.position.id;
    bucket.nodes.iter().map(move |node| {
        let hours = node.hours.iter().map(|(timestamp, hour)| NodeHour {
            timestamp: *timestamp,
            online: hour.online_percent(),
            p50_latency_ms: hour.median_ms,
            p99_latency_ms: hour.p99_ms,
            probes: hour.probes,
            failures: hour.failures,
        });
        NodeStatsHourly {
            node_id: node.node_id,
            bucket_id,
            unit_id: bucket_id,
            ip: node.node_name.clone(),
            hours: hours.collect(),
        }
    })
}

struct Hours {
    control: Control,
    hours: HourSelection,
}

impl Source for Hours {
    type Entry = BucketHours;
    type Position = PageStart;

    fn at_once(&self) -> u32 {
        MOST_BUCKETS_OF_HOURS
    }

    async fn read(&self, after: Option<PageStart>, limit: u32) -> ApiResult<Vec<BucketHours>> {
        Ok(self.control.bucket_hours(&self.hours, after, limit).await?)
    }

    fn position(entry: &BucketHours) -> PageStart {
        entry.position
    }

    fn show(entry: &BucketHours) -> impl Serialize {
        entries(entry).collect::<Vec<_>>()
    }

    fn write(entry: &BucketHours, list: &mut Elements<'_>) -> ApiResult<()> {
        entries(entry).try_for_each(|row| list.add(&row))
    }
}

/// Returns availability and latency of buckets by hour and node.
///
/// One entry per bucket and node that probed the bucket, with the hours that have probes, newest first. Hours are
/// retained for seven days, and without dates all of them are returned. `startDate` and `endDate` are dates or RFC 3339
/// date-times; the hours that contain them are included, and a date covers its whole day. Deleted buckets are included
/// only if `bucketId` names them. `limit` counts buckets; a page has at most 50.
#[utoipa::path(
    get,
    path = "/stats/nodes/hourly",
    tag = "Statistics",
    operation_id = "nodeStatsHourly",
    security(("bearer" = [])),
    params(
        ("startDate" = Option<String>, Query, description = "The first hour, as a date or RFC 3339 date-time"),
        ("endDate" = Option<String>, Query, description = "The last hour, as a date or RFC 3339 date-time"),
        ("bucketId" = Option<String>, Query, description = "Only these buckets: ids, separated by commas; also `unitId`"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the buckets of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Buckets per page, at most 50"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The hours", body = NodeStatsHourlyList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn hourly(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = match params.page()? {
        Page::Whole => Page::Whole,
        Page::Part { after, limit } => Page::Part { after, limit: limit.min(MOST_BUCKETS_OF_HOURS) },
    };
    let first = params.moments("startDate")?.map(DateOrTime::first);
    let last = params.moments("endDate")?.map(DateOrTime::last);
    let selection = select(&caller, &state, &params).await?;
    let hours = state.control().hour_selection(selection, first, last)?;
    let source = Hours { control: state.control().clone(), hours };
    pagination::answer(source, Frame::Named("data"), page).await
}
