//! `PUT /organization/users/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::organization_user::{OneOrgUser, OrgUserChanges};
use bucketry_control::users::UserInput;
use bucketry_model::id::UserId;

use super::answer::org_user;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::org_role::read_role;
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::put_json("/organization/users/{userId}", r#"{ "name": "New" }"#);

/// Changes a user's names or role.
#[utoipa::path(
    put,
    path = "/organization/users/{userId}",
    tag = "Users",
    operation_id = "updateUser",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    request_body = OrgUserChanges,
    responses(
        (status = 200, description = "Changed", body = OneOrgUser),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn update(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
    ChangeBody { value }: ChangeBody<OrgUserChanges>,
) -> ApiResult<Json<OneOrgUser>> {
    let input = UserInput {
        first_name: value.name,
        last_name: value.last_name,
        org_role: value.org_role.map(read_role).transpose()?,
    };
    let user = state.control().update_user(&caller, id, input).await?;
    Ok(Json(OneOrgUser { success: true, data: org_user(&user), message: "the user was changed".into() }))
}
