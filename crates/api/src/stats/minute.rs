//! `GET /stats/minute`.

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

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/stats/minute?bucketId={bucketId}");

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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The traffic", body = StatsList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn minute(
    caller: Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    traffic(Resolution::Minute, &caller, &state, &params).await
}
