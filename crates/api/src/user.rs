//! `/user`: the caller's own account, and roles in the organization.

use axum::Json;
use axum::extract::State;
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
use crate::schema::Message;
use crate::state::ApiState;

/// The routes. `/user/profile` wins over `/user/{userId}`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(profile)).routes(routes!(role, update)).routes(routes!(set_role))
}

/// Reads the number of an organization role.
pub(crate) fn read_role(number: i64) -> ApiResult<OrgRole> {
    OrgRole::from_number(number).map_err(|error| ApiError::field("orgRole", error.to_string()))
}

/// The numbers of a role and of all lower ones.
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
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// First name.
    name: String,
    /// Last name.
    last_name: String,
    /// E-mail address.
    email: String,
    /// Its organization.
    #[schema(value_type = String, format = "uuid")]
    org_id: OrgId,
    /// Its role there.
    org_role: u8,
    /// The role's name.
    #[schema(value_type = String, example = "OWNER")]
    org_role_description: &'static str,
    /// The role and all lower ones.
    org_roles: Vec<u8>,
    /// Whether the e-mail address is verified.
    validated: bool,
    /// Whether the password is a one-time password: until it is changed, the session can do nothing else.
    must_change_password: bool,
    /// Whether a second factor is demanded at login.
    mfa_required: bool,
    /// Whether the organization is a business.
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

/// Tells the caller's own account.
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
    /// The role.
    data: RoleOfUser,
}

/// A user's role in the organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RoleOfUser {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    user_id: UserId,
    /// The role: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: u8,
    /// Its name.
    #[schema(value_type = String, example = "OWNER")]
    org_role_description: &'static str,
    /// The role and all lower ones.
    org_roles: Vec<u8>,
}

/// Tells a user's role in the organization.
///
/// Every member of the organization may read it. Tokens with limits read their own user's only.
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

/// Changes to an account. What is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AccountChanges {
    /// First name.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Last name.
    #[schema(min_length = 1, max_length = 255)]
    last_name: Option<String>,
    /// A new password, of the caller's own account only: at least 8 characters, with upper-case and lower-case letters
    /// and digits.
    #[schema(value_type = Option<String>, format = Password, write_only, min_length = 8, max_length = 1024)]
    password: Option<Secret>,
    /// The password that it replaces. May be left out within five minutes of signing in.
    #[schema(value_type = Option<String>, format = Password, write_only, max_length = 1024)]
    current_password: Option<Secret>,
}

/// Changes names and password of an account.
///
/// The own names and password; others' names with the role WORKSPACES, for users of lower roles. A new password ends
/// the caller's other sessions; API tokens stay. A wrong `currentPassword` is 400 `INVALID_PASSWORD`. A lost password is
/// replaced by `POST /organization/users/{userId}/reset-password`.
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

/// The role to give.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewRole {
    /// 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    #[schema(example = 2)]
    org_role: i64,
}

/// The role was changed.
#[derive(Serialize, ToSchema)]
struct RoleChangedAnswer {
    /// Always true.
    success: bool,
    /// Before and after.
    data: RoleChanged,
}

/// A role before and after.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RoleChanged {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    user_id: UserId,
    /// Before.
    previous_role: u8,
    /// After.
    new_role: u8,
    /// One sentence.
    message: String,
}

/// Changes a user's role in the organization.
///
/// Only users of lower roles, and only to lower roles, than one's own; an OWNER may make and unmake owners. The last
/// OWNER stays one (400 `LAST_OWNER`).
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
