//! `GET /notification/silence`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::notification::SilenceList;
use bucketry_control::Control;
use bucketry_model::id::{SilenceId, WorkspaceId};
use bucketry_model::notification::NotificationSilence;
use bucketry_model::role::Caller;
use serde::Serialize;

use super::answer::silence_info;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/notification/silence?workspaceId={workspace}");

/// An organization has few, so each page reads all.
struct NotificationSilences {
    control: Control,
    caller: Caller,
    workspace_id: Option<WorkspaceId>,
}

impl Source for NotificationSilences {
    type Entry = NotificationSilence;
    type Position = SilenceId;

    async fn read(&self, after: Option<SilenceId>, limit: u32) -> ApiResult<Vec<NotificationSilence>> {
        let silences = self.control.notification_silences(&self.caller, self.workspace_id).await?;
        let is_later = |silence: &NotificationSilence| after.is_none_or(|after| silence.id < after);
        Ok(silences.into_iter().filter(is_later).take(limit as usize).collect())
    }

    fn position(entry: &NotificationSilence) -> SilenceId {
        entry.id
    }

    fn show(entry: &NotificationSilence) -> impl Serialize {
        silence_info(entry)
    }
}

/// Lists the silences that haven't ended.
///
/// Newest first: those about workspaces that the caller can read, and for ADMINISTRATORS and OWNER also those about the
/// whole organization.
#[utoipa::path(
    get,
    path = "/notification/silence",
    tag = "Notifications",
    operation_id = "listNotificationSilences",
    security(("bearer" = [])),
    params(
        ("workspaceId" = Option<String>, Query, format = "uuid", description = "Only silences about this workspace"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The silences", body = SilenceList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let workspace_id = params.id("workspaceId")?;
    let source = NotificationSilences { control: state.control().clone(), caller, workspace_id };
    pagination::answer(source, Frame::Named("silences"), params.page()?).await
}
