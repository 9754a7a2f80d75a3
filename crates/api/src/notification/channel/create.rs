//! `POST /notification/channel`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::notification::{ChannelFields, ChannelStored};
use http::{HeaderMap, StatusCode};

use super::answer::channel_info;
use super::input::channel_input;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, NodeNeeded, Repeatable, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/notification/channel",
    r#"{ "name": "{name}", "kind": "SLACK", "url": "https://hooks.example.com/x", "workspaceId": "{workspace}" }"#,
);

/// Creates a notification channel.
///
/// With `workspaceId`, the channel gets the findings of this workspace, and the caller needs the role ADMIN in it.
/// Without, it gets those of the whole organization, and the caller needs ADMINISTRATORS. URL and secret are sealed like
/// the secrets of buckets, and never returned.
#[utoipa::path(
    post,
    path = "/notification/channel",
    tag = "Notifications",
    operation_id = "createNotificationChannel",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = ChannelFields,
    responses(
        (status = 200, description = "Created", body = ChannelStored),
        Signed, InOrganization, WithBody, Repeatable, NodeNeeded,
    ),
)]
pub(crate) async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<ChannelFields>,
) -> ApiResult<Response> {
    let input = channel_input(value)?;
    let authorize = state.control().authorize_channel(&caller, input.workspace_id);
    let (control, creator, new) = (state.control().clone(), caller.clone(), input.clone());
    let work = async move {
        let channel = control.create_channel(&creator, &new).await?;
        let answer = ChannelStored { success: true, channel: channel_info(&channel) };
        Ok(Created { status: StatusCode::OK, answer, again: None })
    };
    idempotency::once(&state, &caller, &headers, "POST /notification/channel", &bytes, authorize, work).await
}
