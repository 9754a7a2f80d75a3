//! `POST /notification/silence`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::notification::{NewSilence, SilenceStored};
use bucketry_control::ResourceKind;
use bucketry_control::ids::{is_absent, read_id};
use bucketry_control::notifications::SilenceInput;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::answer::silence_info;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, Repeatable, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/notification/silence",
    r#"{ "workspaceId": "{workspace}", "startsAt": "2998-01-01T00:00:00Z", "endsAt": "2998-02-01T00:00:00Z" }"#,
);

fn time(field: &'static str, text: Option<&str>) -> ApiResult<Option<Timestamp>> {
    let read = |text: &str| {
        text.trim()
            .parse()
            .map_err(|_| ApiError::field(field, "must be an RFC 3339 date-time such as 2027-01-31T00:00:00Z"))
    };
    text.filter(|text| !is_absent(text)).map(read).transpose()
}

fn input(new: NewSilence) -> ApiResult<SilenceInput> {
    Ok(SilenceInput {
        workspace_id: read_id(new.workspace_id.as_deref(), ResourceKind::Workspace)?,
        channel_id: read_id(new.channel_id.as_deref(), ResourceKind::NotificationChannel)?,
        bucket_id: read_id(new.bucket_id.as_deref(), ResourceKind::Bucket)?,
        starts_at: time("startsAt", new.starts_at.as_deref())?,
        ends_at: time("endsAt", new.ends_at.as_deref())?,
        code: new.code,
        window: new.window,
        comment: new.comment,
    })
}

/// Creates a silence: a period in which channels aren't notified.
///
/// Conditions that still last when it ends are sent then. A silence about a workspace, its buckets or its channels needs
/// the role WRITE there. One without `workspaceId`, `bucketId` and `channelId` is about the whole organization and needs
/// ADMINISTRATORS.
#[utoipa::path(
    post,
    path = "/notification/silence",
    tag = "Notifications",
    operation_id = "createNotificationSilence",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = NewSilence,
    responses(
        (status = 200, description = "Created", body = SilenceStored),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
pub(crate) async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewSilence>,
) -> ApiResult<Response> {
    let input = input(value)?;
    let authorize = state.control().authorize_silence(&caller, &input);
    let (control, creator, new) = (state.control().clone(), caller.clone(), input.clone());
    let work = async move {
        let silence = control.create_silence(&creator, &new).await?;
        let answer = SilenceStored { success: true, silence: silence_info(&silence) };
        Ok(Created { status: StatusCode::OK, answer, again: None })
    };
    idempotency::once(&state, &caller, &headers, "POST /notification/silence", &bytes, authorize, work).await
}
