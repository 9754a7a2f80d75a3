//! `GET /notification/channel/{channelId}/deliveries`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::notification::DeliveryList;
use bucketry_control::Control;
use bucketry_model::id::{ChannelId, NotificationId};
use bucketry_model::role::Caller;
use bucketry_store::notification::StoredNotification;
use serde::Serialize;

use super::answer::delivery_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::get("/notification/channel/{channelId}/deliveries?limit=10");

struct Deliveries {
    control: Control,
    caller: Caller,
    channel_id: ChannelId,
}

impl Source for Deliveries {
    type Entry = StoredNotification;
    type Position = NotificationId;

    async fn read(&self, after: Option<NotificationId>, limit: u32) -> ApiResult<Vec<StoredNotification>> {
        Ok(self.control.deliveries(&self.caller, self.channel_id, after, limit).await?)
    }

    fn position(entry: &StoredNotification) -> NotificationId {
        entry.id
    }

    fn show(entry: &StoredNotification) -> impl Serialize {
        delivery_info(entry)
    }
}

/// Lists the messages of a channel with the state of their delivery.
///
/// Newest first. Messages that were delivered or have failed are retained for as long as the operator configures (30
/// days by default).
#[utoipa::path(
    get,
    path = "/notification/channel/{channelId}/deliveries",
    tag = "Notifications",
    operation_id = "listNotificationDeliveries",
    security(("bearer" = [])),
    params(
        ("channelId" = String, Path, format = "uuid", description = "The channel"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The messages", body = DeliveryList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn deliveries(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    PathId(channel_id): PathId<ChannelId>,
    params: Params,
) -> ApiResult<Response> {
    let source = Deliveries { control: state.control().clone(), caller, channel_id };
    pagination::answer(source, Frame::Named("deliveries"), params.page()?).await
}
