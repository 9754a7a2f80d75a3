//! `GET /notification/channel`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::notification::ChannelList;
use bucketry_control::Control;
use bucketry_model::id::{ChannelId, WorkspaceId};
use bucketry_model::role::Caller;
use bucketry_store::notification_channel::NotificationChannel;
use serde::Serialize;

use super::answer::channel_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/notification/channel?workspaceId={workspace}");

/// An organization has few, so each page reads all.
struct Channels {
    control: Control,
    caller: Caller,
    workspace_id: Option<WorkspaceId>,
}

impl Source for Channels {
    type Entry = NotificationChannel;
    type Position = ChannelId;

    async fn read(&self, after: Option<ChannelId>, limit: u32) -> ApiResult<Vec<NotificationChannel>> {
        let channels = self.control.notification_channels(&self.caller, self.workspace_id).await?;
        let is_later = |channel: &NotificationChannel| after.is_none_or(|after| channel.id < after);
        Ok(channels.into_iter().filter(is_later).take(limit as usize).collect())
    }

    fn position(entry: &NotificationChannel) -> ChannelId {
        entry.id
    }

    fn show(entry: &NotificationChannel) -> impl Serialize {
        channel_info(entry)
    }
}

/// Lists notification channels.
///
/// Newest first: those of the workspaces that the caller can read, and for ADMINISTRATORS and OWNER also those of the
/// whole organization.
#[utoipa::path(
    get,
    path = "/notification/channel",
    tag = "Notifications",
    operation_id = "listNotificationChannels",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only the channels of this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The channels", body = ChannelList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let workspace_id = params.id("workspaceId")?;
    let source = Channels { control: state.control().clone(), caller, workspace_id };
    pagination::answer(source, Frame::Named("channels"), params.page()?).await
}
