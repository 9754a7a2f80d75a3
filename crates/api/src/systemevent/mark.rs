//! `POST /systemevent/read`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::audit::SystemEventMarks;
use bucketry_api_types::outcome::Done;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json("/systemevent/read", r#"{ "ids": [1] }"#);

/// The most events that one call marks.
const MOST_IDS: usize = 1_000;

/// Reads which events to mark.
pub(super) fn ids(marks: SystemEventMarks) -> ApiResult<Vec<i64>> {
    let mut ids = marks.ids.unwrap_or_default();
    ids.extend(marks.id);
    ids.retain(|id| *id > 0);
    if ids.is_empty() {
        return Err(ApiError::field("ids", "must contain the id of an event"));
    }
    if ids.len() > MOST_IDS {
        return Err(ApiError::field("ids", format!("must list at most {MOST_IDS} ids")));
    }
    Ok(ids)
}

/// Marks system events as read by the caller.
///
/// Events of other organizations are left out. Repeating the call does no harm.
#[utoipa::path(
    post,
    path = "/systemevent/read",
    tag = "Audit",
    operation_id = "markSystemEvents",
    security(("bearer" = [])),
    request_body = SystemEventMarks,
    responses(
        (status = 200, description = "Marked", body = Done),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn mark(
    caller: Authenticated,
    State(state): State<ApiState>,
    JsonBody { value, .. }: JsonBody<SystemEventMarks>,
) -> ApiResult<Json<Done>> {
    state.control().mark_system_events(&caller, &ids(value)?, true).await?;
    Ok(Json(Done::YES))
}
