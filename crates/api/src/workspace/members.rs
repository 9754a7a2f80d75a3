//! `/workspace/{workspaceId}/users`: the members of a workspace and their roles.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::workspace::{MemberRole, NewMember};
use bucketry_control::ResourceKind;
use bucketry_control::ids::read_id;
use bucketry_model::id::{UserId, WorkspaceId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{BadRequest, InOrganization, Signed, WithBody};
use crate::params::{MemberPath, PathId};
use crate::state::ApiState;

/// The routes.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(add)).routes(routes!(set_role, remove))
}

/// Adds a member to a workspace. Needs the role ADMIN in it.
#[utoipa::path(
    post,
    path = "/workspace/{workspaceId}/users",
    tag = "Workspaces",
    operation_id = "addMember",
    security(("bearer" = [])),
    params(("workspaceId" = String, Path, format = "uuid", description = "The workspace")),
    request_body = NewMember,
    responses(
        (status = 200, description = "Added", body = Done),
        Signed, InOrganization, WithBody,
    ),
)]
async fn add(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<WorkspaceId>,
    JsonBody { value, .. }: JsonBody<NewMember>,
) -> ApiResult<Json<Done>> {
    let user = read_id::<UserId>(value.user_id.as_deref(), ResourceKind::User)?;
    let user = user.ok_or_else(|| ApiError::field("userId", "is required"))?;
    state.control().add_member(&caller, id, user, value.role).await?;
    Ok(Json(Done::YES))
}

/// Changes a member's role. Needs the role ADMIN in the workspace.
///
/// A workspace must retain at least one member with the role ADMIN (400 `LAST_ADMIN`).
#[utoipa::path(
    put,
    path = "/workspace/{workspaceId}/users/{userId}",
    tag = "Workspaces",
    operation_id = "setMemberRole",
    security(("bearer" = [])),
    params(
        ("workspaceId" = String, Path, format = "uuid", description = "The workspace"),
        ("userId" = String, Path, format = "uuid", description = "The member"),
    ),
    request_body = MemberRole,
    responses(
        (status = 200, description = "Changed", body = Done),
        Signed, InOrganization, WithBody,
    ),
)]
async fn set_role(
    caller: Authenticated,
    State(state): State<ApiState>,
    MemberPath(id, user): MemberPath,
    ChangeBody { value }: ChangeBody<MemberRole>,
) -> ApiResult<Json<Done>> {
    state.control().set_member_role(&caller, id, user, value.role).await?;
    Ok(Json(Done::YES))
}

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
async fn remove(
    caller: Authenticated,
    State(state): State<ApiState>,
    MemberPath(id, user): MemberPath,
) -> ApiResult<Json<Done>> {
    state.control().remove_member(&caller, id, user).await?;
    Ok(Json(Done::YES))
}
