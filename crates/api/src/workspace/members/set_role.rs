//! `PUT /workspace/{workspaceId}/users/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::workspace::MemberRole;

use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::MemberPath;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/workspace/{workspaceId}/users/{userId}", r#"{ "role": "WRITE" }"#);

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
pub(crate) async fn set_role(
    caller: Authenticated,
    State(state): State<ApiState>,
    MemberPath(id, user): MemberPath,
    ChangeBody { value }: ChangeBody<MemberRole>,
) -> ApiResult<Json<Done>> {
    state.control().set_member_role(&caller, id, user, value.role).await?;
    Ok(Json(Done::YES))
}
