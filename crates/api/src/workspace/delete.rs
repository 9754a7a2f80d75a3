//! `DELETE /workspace/{workspaceId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_model::id::WorkspaceId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/workspace/{workspaceId}");

/// Deletes a workspace that contains no buckets and no repositories. Needs the role ADMIN in it.
#[utoipa::path(
    delete,
    path = "/workspace/{workspaceId}",
    tag = "Workspaces",
    operation_id = "deleteWorkspace",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    responses(
        (status = 200, description = "Deleted", body = Done),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
) -> ApiResult<Json<Done>> {
    state.control().delete_workspace(&caller, id).await?;
    Ok(Json(Done::YES))
}
