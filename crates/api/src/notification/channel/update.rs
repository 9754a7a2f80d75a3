//! `PUT /notification/channel/{channelId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::notification::{ChannelFields, ChannelStored};
use bucketry_model::id::ChannelId;

use super::answer::channel_info;
use super::input::channel_input;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, NodeNeeded, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/notification/channel/{channelId}", r#"{ "name": "{name}", "enabled": false }"#);

/// Changes a notification channel.
///
/// Absent fields stay unchanged. `url` and `secret` are replaced together. The password of a mail server must be sent
/// again if its host, port, encryption or user name changes.
#[utoipa::path(
    put,
    path = "/notification/channel/{channelId}",
    tag = "Notifications",
    operation_id = "updateNotificationChannel",
    security(("bearer" = [])),
    params(("channelId" = String, Path, format = "uuid", description = "The channel")),
    request_body = ChannelFields,
    responses(
        (status = 200, description = "Changed", body = ChannelStored),
        Signed, InOrganization, WithBody, NodeNeeded,
    ),
)]
pub(crate) async fn update(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<ChannelId>,
    ChangeBody { value }: ChangeBody<ChannelFields>,
) -> ApiResult<Json<ChannelStored>> {
    let channel = state.control().update_channel(&caller, id, &channel_input(value)?).await?;
    Ok(Json(ChannelStored { success: true, channel: channel_info(&channel) }))
}
