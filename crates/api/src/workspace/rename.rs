//! `PUT /workspace/{workspaceId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::workspace::{OneWorkspace, WorkspaceChanges};
use bucketry_model::id::WorkspaceId;

use super::answer::workspace_info;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/workspace/{workspaceId}", r#"{ "name": "{name}" }"#);

/// Renames a workspace. Needs the role ADMIN in it.
#[utoipa::path(
    put,
    path = "/workspace/{workspaceId}",
    tag = "Workspaces",
    operation_id = "renameWorkspace",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    request_body = WorkspaceChanges,
    responses(
        (status = 200, description = "Renamed", body = OneWorkspace),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn rename(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
    ChangeBody { value }: ChangeBody<WorkspaceChanges>,
) -> ApiResult<Json<OneWorkspace>> {
    let workspace = state.control().rename_workspace(&caller, id, value.name.as_deref()).await?;
    Ok(Json(OneWorkspace { success: true, workspace: workspace_info(&workspace) }))
}
