//! `GET /stats/hourly`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::count::Count;
use bucketry_api_types::traffic::{HourlyStats, HourlyStatsList};
use bucketry_control::Control;
use bucketry_control::hourly_traffic::HourlyTraffic;
use bucketry_store::usage::{HourPoint, HourPosition};
use serde::Serialize;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::{DateOrTime, Params};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/stats/hourly?workspaceId={workspaceId}");

fn hour(HourPoint { position, host, counts }: &HourPoint) -> HourlyStats<'_> {
    HourlyStats {
        timestamp: position.at,
        workspace_id: position.workspace_id,
        host: host.as_str().into(),
        upl_bytes: Count(counts.upload_bytes),
        dwl_bytes: Count(counts.download_bytes),
        size_change: Count(counts.size_change),
        latency_ms: counts.latency_ms(),
        first_byte_ms: counts.first_byte_ms(),
        requests: counts.requests,
        errors: counts.errors,
        provider_errors: counts.provider_errors,
        reads: counts.reads,
        writes: counts.writes,
        lists: counts.lists,
    }
}

struct TrafficHours {
    control: Control,
    traffic: HourlyTraffic,
}

impl Source for TrafficHours {
    type Entry = HourPoint;
    type Position = HourPosition;

    async fn read(&self, after: Option<HourPosition>, limit: u32) -> ApiResult<Vec<HourPoint>> {
        Ok(self.control.hourly_traffic_page(&self.traffic, after, limit).await?)
    }

    fn position(entry: &HourPoint) -> HourPosition {
        entry.position
    }

    fn show(entry: &HourPoint) -> impl Serialize {
        hour(entry)
    }
}

/// Returns traffic by hour and workspace.
///
/// One entry per hour, workspace and node with traffic, newest hour first: of the workspace in `workspaceId`, or of all
/// that the caller may see. Traffic belongs to the workspace that the bucket was in at that time. Without `endDate`, the
/// range ends now; without `startDate`, it covers the 7 days before `endDate`. Both hours are included, and a date
/// covers its whole day. The longest range is 366 days. Hours are retained for as long as the operator configures (90
/// days by default).
#[utoipa::path(
    get,
    path = "/stats/hourly",
    tag = "Statistics",
    operation_id = "hourlyStats",
    security(("bearer" = [])),
    params(
        ("startDate" = Option<String>, Query, description = "The first hour, as a date or RFC 3339 date-time"),
        ("endDate" = Option<String>, Query, description = "The last hour, as a date or RFC 3339 date-time"),
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the traffic of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The traffic", body = HourlyStatsList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn hourly(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let page = params.page()?;
    let from = params.moments("startDate")?.map(DateOrTime::first);
    let until = params.moments("endDate")?.map(DateOrTime::last);
    let traffic = state.control().hourly_traffic(&caller, params.id("workspaceId")?, from, until).await?;
    pagination::answer(TrafficHours { control: state.control().clone(), traffic }, Frame::Named("data"), page)
        .await
}
