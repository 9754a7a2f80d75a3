//! `GET /user/profile`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::user::{Profile, ProfileAnswer};
use bucketry_store::user::User;

use crate::caller::SignedIn;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::org_role::role_numbers;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/user/profile");

fn profile_of(user: User, must_change_password: bool) -> Profile {
    Profile {
        id: user.id,
        name: user.first_name.as_str().to_owned(),
        last_name: user.last_name.as_str().to_owned(),
        email: user.email,
        org_id: user.org_id,
        org_role: user.org_role.number(),
        org_role_description: user.org_role.as_str().into(),
        org_roles: role_numbers(user.org_role),
        validated: user.validated,
        must_change_password,
        mfa_required: false,
        is_business: true,
    }
}

/// Returns the caller's own account.
#[utoipa::path(
    get,
    path = "/user/profile",
    tag = "Users",
    operation_id = "profile",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account", body = ProfileAnswer),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn profile(
    caller: SignedIn,
    State(state): State<ApiState>,
) -> ApiResult<Json<ProfileAnswer>> {
    let user = state.control().profile(&caller).await?;
    Ok(Json(ProfileAnswer { success: true, data: profile_of(user, caller.must_change_password) }))
}
