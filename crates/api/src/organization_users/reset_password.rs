//! `POST /organization/users/{userId}/reset-password`: sets a one-time password for a user who lost theirs.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::organization_user::PasswordResetAnswer;
use bucketry_model::id::UserId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/organization/users/{userId}/reset-password");

/// Replaces another user's password with a one-time password.
///
/// Needs the role ADMINISTRATORS, and works for users of lower roles; an OWNER can do it for every other user. The
/// password is shown once and must be changed at the next login. The user's sessions end; API tokens stay valid.
#[utoipa::path(
    post,
    path = "/organization/users/{userId}/reset-password",
    tag = "Users",
    operation_id = "resetPassword",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    responses(
        (status = 200, description = "Replaced", body = PasswordResetAnswer),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn reset_password(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
) -> ApiResult<Json<PasswordResetAnswer>> {
    let password = state.control().reset_password(&caller, id).await?;
    Ok(Json(PasswordResetAnswer {
        success: true,
        message: "the password was replaced; it must be changed at the next login".into(),
        password,
    }))
}
