//! `GET /bucket/{bucketId}/events`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::history::StatusEventList;
use bucketry_model::id::BucketId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::events::{Events, EventsOf, filter};
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/bucket/{bucketId}/events?limit=10");

/// Lists the changes of a bucket's status, by node.
///
/// Newest first. The changes of a deleted bucket are retained like those of others.
#[utoipa::path(
    get,
    path = "/bucket/{bucketId}/events",
    tag = "Buckets",
    operation_id = "bucketEvents",
    security(("bearer" = [])),
    params(
        ("bucketId" = String, Path, format = "uuid", description = "The bucket"),
        ("kind" = Option<String>, Query, description = "Only changes to this status: ONLINE or OFFLINE"),
        ("since" = Option<String>, Query, description = "No changes before this date or RFC 3339 date-time"),
        ("until" = Option<String>, Query, description = "No changes after this date or RFC 3339 date-time"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The changes", body = StatusEventList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn events(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    params: Params,
) -> ApiResult<Response> {
    let source = Events {
        control: state.control().clone(),
        of: EventsOf::Bucket(id),
        filter: filter(&params)?,
        caller: caller.0.clone(),
    };
    pagination::answer(source, Frame::Named("events"), params.page()?).await
}
