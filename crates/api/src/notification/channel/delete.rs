//! `DELETE /notification/channel/{channelId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_model::id::ChannelId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/notification/channel/{channelId}");

/// Deletes a notification channel.
///
/// Its URL and secret are destroyed immediately, and messages that have not been delivered yet are dropped.
#[utoipa::path(
    delete,
    path = "/notification/channel/{channelId}",
    tag = "Notifications",
    operation_id = "deleteNotificationChannel",
    security(("bearer" = [])),
    params(("channelId" = String, Path, format = "uuid", description = "The channel")),
    responses(
        (status = 200, description = "Deleted", body = Message),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<ChannelId>,
) -> ApiResult<Json<Message>> {
    state.control().delete_channel(&caller, id).await?;
    Ok(Json(Message::new("the channel was deleted")))
}
