//! `DELETE /systemevent/read`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::audit::SystemEventMarks;
use bucketry_api_types::outcome::Done;

use super::mark::ids;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete_json("/systemevent/read", r#"{ "ids": [1] }"#);

/// Marks system events as unread by the caller.
///
/// Events of other organizations are left out. Repeating the call does no harm.
#[utoipa::path(
    delete,
    path = "/systemevent/read",
    tag = "Audit",
    operation_id = "unmarkSystemEvents",
    security(("bearer" = [])),
    request_body = SystemEventMarks,
    responses(
        (status = 200, description = "Unmarked", body = Done),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn unmark(
    caller: Authenticated,
    State(state): State<ApiState>,
    JsonBody { value, .. }: JsonBody<SystemEventMarks>,
) -> ApiResult<Json<Done>> {
    state.control().mark_system_events(&caller, &ids(value)?, false).await?;
    Ok(Json(Done::YES))
}
