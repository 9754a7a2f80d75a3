//! `GET /user/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::user::{RoleAnswer, RoleOfUser};
use bucketry_model::id::UserId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::org_role::role_numbers;
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/user/{userId}");

/// Returns a user's role in the organization.
///
/// Every member of the organization may read it. A token with a limited scope can read only its own user's role.
#[utoipa::path(
    get,
    path = "/user/{userId}",
    tag = "Users",
    operation_id = "userRole",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    responses(
        (status = 200, description = "The role", body = RoleAnswer),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn role(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
) -> ApiResult<Json<RoleAnswer>> {
    let user = state.control().user_with_role(&caller, id).await?;
    let data = RoleOfUser {
        user_id: user.id,
        org_role: user.org_role.number(),
        org_role_description: user.org_role.as_str().into(),
        org_roles: role_numbers(user.org_role),
    };
    Ok(Json(RoleAnswer { success: true, data }))
}
