//! `/user`: the caller's own account, and roles in the organization.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_control::Error;
use bucketry_control::accounts::AccountInput;
use bucketry_model::id::{OrgId, UserId};
use bucketry_model::role::OrgRole;
use bucketry_model::secret::Secret;
use bucketry_store::user::User;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
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

/// The caller's account.
#[derive(Serialize, ToSchema)]
struct ProfileAnswer {
    /// Always true.
    success: bool,
    /// The account.
    data: Profile,
}

/// An account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Profile {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// First name.
    name: String,
    /// Last name.
    last_name: String,
    /// E-mail address.
    email: String,
    /// The organization that the user belongs to.
    #[schema(value_type = String, format = "uuid")]
    org_id: OrgId,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: u8,
    /// The name of the role.
    #[schema(value_type = String, example = "OWNER")]
    org_role_description: &'static str,
    /// The numbers of the role and of all lower roles.
    org_roles: Vec<u8>,
    /// Whether the e-mail address is verified.
    validated: bool,
    /// Whether the password is a one-time password. Until it is changed, the session can do nothing else.
    must_change_password: bool,
    /// Whether a second factor is required at login. Always false.
    mfa_required: bool,
    /// Whether the organization is a business. Always true.
    is_business: bool,
}

impl Profile {
    fn of(user: User, must_change_password: bool) -> Self {
        Self {
            id: user.id,
            name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
            email: user.email,
            org_id: user.org_id,
            org_role: user.org_role.number(),
            org_role_description: user.org_role.as_str(),
            org_roles: role_numbers(user.org_role),
            validated: user.validated,
            must_change_password,
            mfa_required: false,
            is_business: true,
        }
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
    Ok(Json(ProfileAnswer { success: true, data: Profile::of(user, caller.must_change_password) }))
}

/// A user's role.
#[derive(Serialize, ToSchema)]
struct RoleAnswer {
    /// Always true.
    success: bool,
    /// The user's role.
    data: RoleOfUser,
}

/// A user's role in the organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RoleOfUser {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    user_id: UserId,
    /// The number of the role: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: u8,
    /// The name of the role.
    #[schema(value_type = String, example = "OWNER")]
    org_role_description: &'static str,
    /// The numbers of the role and of all lower roles.
    org_roles: Vec<u8>,
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
        org_role_description: user.org_role.as_str(),
        org_roles: role_numbers(user.org_role),
    };
    Ok(Json(RoleAnswer { success: true, data }))
}

/// Changes to an account. Absent fields stay unchanged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AccountChanges {
    /// First name.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Last name.
    #[schema(min_length = 1, max_length = 255)]
    last_name: Option<String>,
    /// A new password, for the caller's own account only: at least 8 characters, with upper-case and lower-case
    /// letters and digits.
    #[schema(value_type = Option<String>, format = Password, write_only, min_length = 8, max_length = 1024)]
    password: Option<Secret>,
    /// The current password. It may be left out within five minutes of logging in.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 1024)]
    current_password: Option<Secret>,
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
        (Some(limits), Some(_)) => Some(limits.logins().admit_change(caller.user_id)?),
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

/// A new role for a user.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewRole {
    /// The number of the new role: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    #[schema(example = 2)]
    org_role: i64,
}

/// The result of changing a role.
#[derive(Serialize, ToSchema)]
struct RoleChangedAnswer {
    /// Always true.
    success: bool,
    /// The role before and after the change.
    data: RoleChanged,
}

/// A role before and after.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RoleChanged {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    user_id: UserId,
    /// The number of the previous role.
    previous_role: u8,
    /// The number of the new role.
    new_role: u8,
    /// The change in one sentence.
    message: String,
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
