//! `GET /organization/users/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::organization_user::OrgUser;
use bucketry_model::id::UserId;

use super::answer::org_user;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/organization/users/{userId}");

/// Returns a user. The response is a bare object, as the public client expects.
#[utoipa::path(
    get,
    path = "/organization/users/{userId}",
    tag = "Users",
    operation_id = "readUser",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    responses(
        (status = 200, description = "The user", body = OrgUser),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
) -> ApiResult<Json<OrgUser>> {
    Ok(Json(org_user(&state.control().user(&caller, id).await?)))
}
