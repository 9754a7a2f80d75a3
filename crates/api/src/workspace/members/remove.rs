//! `DELETE /workspace/{workspaceId}/users/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::MemberPath;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/workspace/{workspaceId}/users/{userId}");

/// Removes a member from a workspace. Needs the role ADMIN in it.
#[utoipa::path(
    delete,
    path = "/workspace/{workspaceId}/users/{userId}",
    tag = "Workspaces",
    operation_id = "removeMember",
    security(("bearer" = [])),
    params(
        ("workspaceId" = String, Path, format = "uuid", description = "The workspace"),
        ("userId" = String, Path, format = "uuid", description = "The member"),
    ),
    responses(
        (status = 200, description = "Removed", body = Done),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn remove(
    caller: Authenticated,
    State(state): State<ApiState>,
    MemberPath(id, user): MemberPath,
) -> ApiResult<Json<Done>> {
    state.control().remove_member(&caller, id, user).await?;
    Ok(Json(Done::YES))
}
