//! `POST /workspace`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::workspace::{NewWorkspaceRequest, OneWorkspace};
use bucketry_control::Control;
use http::{HeaderMap, StatusCode};

use super::answer::workspace_info;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, Repeatable, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json("/workspace", r#"{ "name": "{name}" }"#);

/// Creates a workspace.
///
/// Needs the organization role WORKSPACES. The caller becomes an ADMIN of the workspace.
#[utoipa::path(
    post,
    path = "/workspace",
    tag = "Workspaces",
    operation_id = "createWorkspace",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = NewWorkspaceRequest,
    responses(
        (status = 201, description = "Created", body = OneWorkspace),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
pub(crate) async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewWorkspaceRequest>,
) -> ApiResult<Response> {
    let (control, creator) = (state.control().clone(), caller.clone());
    let work = async move {
        let workspace = control.create_workspace(&creator, &value.name).await?;
        let answer = OneWorkspace { success: true, workspace: workspace_info(&workspace) };
        Ok(Created { status: StatusCode::CREATED, answer, again: None })
    };
    let authorize = async { Control::authorize_workspace(&caller) };
    idempotency::once(&state, &caller, &headers, "POST /workspace", &bytes, authorize, work).await
}
