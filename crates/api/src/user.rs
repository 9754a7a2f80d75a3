//! `/user`: the caller's own account, and roles in the organization.

use axum::Json;
use axum::extract::State;
use bucketry_model::id::{OrgId, UserId};
use bucketry_model::role::OrgRole;
use bucketry_store::user::User;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

/// The routes. `/user/profile` wins over `/user/{userId}`.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(profile)).routes(routes!(role)).routes(routes!(set_role))
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
    /// Whether a second factor is demanded at login.
    mfa_required: bool,
    /// Whether the organization is a business.
    is_business: bool,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
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
async fn profile(caller: Authenticated, State(state): State<ApiState>) -> ApiResult<Json<ProfileAnswer>> {
    let user = state.control().profile(&caller).await?;
    Ok(Json(ProfileAnswer { success: true, data: user.into() }))
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
/// Everybody may ask for the own one; others' need the role WORKSPACES.
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
    let user = state.control().user(&caller, id).await?;
    let data = RoleOfUser {
        user_id: user.id,
        org_role: user.org_role.number(),
        org_role_description: user.org_role.as_str(),
        org_roles: role_numbers(user.org_role),
    };
    Ok(Json(RoleAnswer { success: true, data }))
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
    JsonBody { value, .. }: JsonBody<NewRole>,
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
