//! `POST /notification/channel/{channelId}/test`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::notification::ChannelTested;
use bucketry_model::id::ChannelId;

use super::answer::delivery_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/notification/channel/{channelId}/test");

/// Sends a test message through a channel.
///
/// Waits up to 10 seconds for the outcome. A test message that fails is not sent again.
#[utoipa::path(
    post,
    path = "/notification/channel/{channelId}/test",
    tag = "Notifications",
    operation_id = "testNotificationChannel",
    security(("bearer" = [])),
    params(("channelId" = String, Path, format = "uuid", description = "The channel")),
    responses(
        (status = 200, description = "The test message with the state of its delivery", body = ChannelTested),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn test(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<ChannelId>,
) -> ApiResult<Json<ChannelTested>> {
    let stored = state.control().test_channel(&caller, id).await?;
    Ok(Json(ChannelTested { success: true, delivery: delivery_info(&stored) }))
}
