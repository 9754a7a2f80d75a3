//! `POST /workspace/{workspaceId}/users`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::workspace::NewMember;
use bucketry_control::ResourceKind;
use bucketry_control::ids::read_id;
use bucketry_model::id::{UserId, WorkspaceId};

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/workspace/{workspaceId}/users", r#"{ "userId": "{user}", "role": "READ" }"#);

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
pub(crate) async fn add(
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
