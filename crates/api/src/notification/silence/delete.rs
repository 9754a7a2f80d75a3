//! `DELETE /notification/silence/{silenceId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_model::id::SilenceId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/notification/silence/{silenceId}");

/// Ends a silence.
#[utoipa::path(
    delete,
    path = "/notification/silence/{silenceId}",
    tag = "Notifications",
    operation_id = "deleteNotificationSilence",
    security(("bearer" = [])),
    params(("silenceId" = String, Path, format = "uuid", description = "The silence")),
    responses(
        (status = 200, description = "Ended", body = Message),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<SilenceId>,
) -> ApiResult<Json<Message>> {
    state.control().delete_silence(&caller, id).await?;
    Ok(Json(Message::new("the silence was ended")))
}
