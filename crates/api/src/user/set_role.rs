//! `PUT /user/{userId}/role`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::user::{NewRole, RoleChanged, RoleChangedAnswer};
use bucketry_model::id::UserId;

use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::org_role::read_role;
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/user/{userId}/role", r#"{ "orgRole": 1 }"#);

/// Changes a user's role in the organization.
///
/// The user's current and new role must be lower than the caller's. An OWNER may appoint and demote owners. The
/// last OWNER can't be demoted (400 `LAST_OWNER`).
#[utoipa::path(
    put,
    path = "/user/{userId}/role",
    tag = "Users",
    operation_id = "setUserRole",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    request_body = NewRole,
    responses(
        (status = 200, description = "Changed", body = RoleChangedAnswer),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn set_role(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
    ChangeBody { value }: ChangeBody<NewRole>,
) -> ApiResult<Json<RoleChangedAnswer>> {
    let change = state.control().set_org_role(&caller, id, read_role(value.org_role)?).await?;
    let data = RoleChanged {
        user_id: id,
        previous_role: change.previous.number(),
        new_role: change.new.number(),
        message: format!("the role was changed from {} to {}", change.previous, change.new),
    };
    Ok(Json(RoleChangedAnswer { success: true, data }))
}
