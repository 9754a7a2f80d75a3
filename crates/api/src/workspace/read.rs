//! `GET /workspace/{workspaceId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::workspace::OneFullWorkspace;
use bucketry_model::id::WorkspaceId;

use super::answer::with_members;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/workspace/{workspaceId}");

/// Returns a workspace and its members.
#[utoipa::path(
    get,
    path = "/workspace/{workspaceId}",
    tag = "Workspaces",
    operation_id = "readWorkspace",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    responses(
        (status = 200, description = "The workspace", body = OneFullWorkspace),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
) -> ApiResult<Json<OneFullWorkspace>> {
    let view = state.control().workspace(&caller, id).await?;
    Ok(Json(OneFullWorkspace { success: true, workspace: with_members(&view) }))
}
