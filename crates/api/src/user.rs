//! `/user`: the caller's own account, and roles in the organization.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_api_types::user::{
    AccountChanges, NewRole, Profile, ProfileAnswer, RoleAnswer, RoleChanged, RoleChangedAnswer, RoleOfUser,
};
use bucketry_control::Error;
use bucketry_control::accounts::AccountInput;
use bucketry_model::id::UserId;
use bucketry_model::role::OrgRole;
use bucketry_store::user::User;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Authenticated, SignedIn};
use crate::change_body::ChangeBody;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Contended, InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

/// The routes. axum prefers `/user/profile` to `/user/{userId}`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(profile)).routes(routes!(role, update)).routes(routes!(set_role))
}

/// Parses the number of an organization role.
pub(crate) fn read_role(number: i64) -> ApiResult<OrgRole> {
    OrgRole::from_number(number).map_err(|error| ApiError::field("orgRole", error.to_string()))
}

/// The numbers of a role and of all lower roles.
pub(crate) fn role_numbers(role: OrgRole) -> Vec<u8> {
    role.and_lower().map(OrgRole::number).collect()
}

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
async fn profile(caller: SignedIn, State(state): State<ApiState>) -> ApiResult<Json<ProfileAnswer>> {
    let user = state.control().profile(&caller).await?;
    Ok(Json(ProfileAnswer { success: true, data: profile_of(user, caller.must_change_password) }))
}

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
async fn role(
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

/// Changes the names or the password of an account.
///
/// Users change their own names and password. The role WORKSPACES also allows changing the names of users with
/// lower roles. A new password ends the caller's other sessions; API tokens stay valid. A wrong `currentPassword`
/// is 400 `INVALID_PASSWORD`. To replace a lost password, use `POST /organization/users/{userId}/reset-password`.
#[utoipa::path(
    put,
    path = "/user/{userId}",
    tag = "Users",
    operation_id = "updateAccount",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    request_body = AccountChanges,
    responses(
        (status = 200, description = "Changed", body = Message),
        Signed, InOrganization, WithBody, Contended,
    ),
)]
async fn update(
    caller: SignedIn,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
    ChangeBody { value }: ChangeBody<AccountChanges>,
) -> ApiResult<Json<Message>> {
    let attempt = match (state.limits(), &value.current_password) {
        (Some(limits), Some(_)) => Some(limits.admit_password_change(caller.user_id)?),
        _ => None,
    };
    let input = AccountInput {
        first_name: value.name,
        last_name: value.last_name,
        password: value.password,
        current_password: value.current_password,
    };
    let changed = state.control().update_account(&caller, id, input).await;
    if let Some(attempt) = attempt
        && !matches!(changed, Err(Error::CurrentPasswordWrong))
    {
        attempt.refund();
    }
    changed?;
    Ok(Json(Message::new("the account was changed")))
}

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
async fn set_role(
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
