//! `GET /stats/daily`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::traffic::StatsList;
use bucketry_model::usage::Resolution;

use super::traffic::traffic;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/stats/daily?bucketId={bucketId}");

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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The traffic", body = StatsList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn daily(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    traffic(Resolution::Day, &caller, &state, &params).await
}
