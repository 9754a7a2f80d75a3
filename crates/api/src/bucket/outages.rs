//! `GET /bucket/{bucketId}/outages`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::history::{OutageInfo, OutageList};
use bucketry_api_types::moment::Moment;
use bucketry_model::id::BucketId;
use bucketry_model::status_event::Outage;
use jiff::Timestamp;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{DateOrTime, Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/outages");

fn outage(outage: &Outage, now: Timestamp) -> OutageInfo {
    OutageInfo {
        start: Moment(outage.start),
        end: outage.end.map(Moment),
        seconds: outage.length(now).as_secs(),
        last_error: outage.failure.as_ref().map(|failure| failure.code.as_str().into()),
        status_reason: outage.failure.as_ref().map(|failure| failure.message.clone()),
    }
}

/// Returns the outages of a bucket: the times in which no node reached it, and at least one tried.
///
/// Newest first, derived from the changes of the bucket's status (`/bucket/{bucketId}/events`) in the range. An
/// outage that began before the range isn't found.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/outages",
    tag = "Buckets",
    operation_id = "bucketOutages",
    security(("bearer" = [])),
    params(
        ("bucketId" = String, Path, format = "uuid", description = "The bucket"),
        ("since" = Option<String>, Query, description = "No changes before this date or RFC 3339 date-time"),
        ("until" = Option<String>, Query, description = "No changes after this date or RFC 3339 date-time"),
    ),
    responses(
        (status = 200, description = "The outages", body = OutageList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn outages(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    params: Params,
) -> ApiResult<Json<OutageList>> {
    let since = params.moments("since")?.map(DateOrTime::first);
    let until = params.moments("until")?.map(DateOrTime::last);
    let found = state.control().bucket_outages(&caller, id, since, until).await?;
    let outages = found.outages.iter().map(|one| outage(one, found.now)).collect();
    Ok(Json(OutageList { success: true, outages, complete: found.complete }))
}
