//! `/organization/users`: the users of the caller's organization. All calls need the organization role WORKSPACES.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::outcome::Message;
use bucketry_control::Control;
use bucketry_control::users::{NewUserInput, UserInput};
use bucketry_model::id::{OrgId, UserId};
use bucketry_model::role::{Caller, OrgRole};
use bucketry_model::secret::Secret;
use bucketry_store::user::User;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{BadRequest, InOrganization, Repeatable, Signed, WithBody};
use crate::pagination::{self, Frame, Source};
use crate::params::{Params, PathId};
use crate::state::ApiState;
use crate::user::{read_role, role_numbers};

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update, delete))
}

/// A user of the organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrgUser {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// The user's e-mail address.
    email: String,
    /// First name.
    name: String,
    /// Last name.
    last_name: String,
    /// The organization that the user belongs to.
    #[schema(value_type = String, format = "uuid")]
    org_id: OrgId,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: u8,
    /// The name of the role.
    #[schema(value_type = String, example = "USER")]
    org_role_description: &'static str,
    /// The numbers of the role and of all lower roles.
    org_roles: Vec<u8>,
    /// Whether the e-mail address is verified.
    validated: bool,
    /// Always null: removed users are not shown.
    deleted_at: Option<Moment>,
}

impl From<&User> for OrgUser {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
            org_id: user.org_id,
            org_role: user.org_role.number(),
            org_role_description: user.org_role.as_str(),
            org_roles: role_numbers(user.org_role),
            validated: user.validated,
            deleted_at: None,
        }
    }
}

/// A list of users.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described here, written by `pagination`")]
struct OrgUserList {
    /// Always true.
    success: bool,
    /// The users, newest first.
    data: Vec<OrgUser>,
    /// The number of users. Absent in pages.
    #[schema(required = false)]
    total: Option<u64>,
    /// The cursor of the next page; null on the last page. Absent where the whole list was requested.
    #[schema(required = false, rename = "nextCursor")]
    next_cursor: Option<String>,
}

struct Users {
    control: Control,
    caller: Arc<Caller>,
}

impl Source for Users {
    type Entry = User;
    type Position = UserId;

    async fn read(&self, after: Option<UserId>, limit: u32) -> ApiResult<Vec<User>> {
        Ok(self.control.users(&self.caller, after, limit).await?)
    }

    fn position(entry: &User) -> UserId {
        entry.id
    }

    fn show(entry: &User) -> impl Serialize {
        OrgUser::from(entry)
    }
}

/// Lists the organization's users.
#[utoipa::path(
    get,
    path = "/organization/users",
    tag = "Users",
    operation_id = "listUsers",
    security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The users", body = OrgUserList),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Users { control: state.control().clone(), caller };
    pagination::answer(source, Frame::Counted("data"), params.page()?).await
}

/// A user to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewUser {
    /// The e-mail address to log in with.
    #[schema(max_length = 254, example = "ada@example.com")]
    email: String,
    /// A one-time password: at least 8 characters, with upper-case and lower-case letters and digits. The user must
    /// change it at the first login.
    #[schema(value_type = String, format = Password, write_only, min_length = 8, max_length = 1024)]
    password: Secret,
    /// First name.
    #[schema(min_length = 1, max_length = 255)]
    first_name: String,
    /// Last name.
    #[schema(min_length = 1, max_length = 255)]
    last_name: String,
    /// The role in the organization: 0 USER (the default), 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    #[schema(example = 0)]
    org_role: Option<i64>,
}

/// A response with a user.
#[derive(Serialize, ToSchema)]
struct OneOrgUser {
    /// Always true.
    success: bool,
    /// The user.
    data: OrgUser,
    /// What was done.
    #[schema(value_type = String)]
    message: &'static str,
}

/// Creates a user.
///
/// The new user's role must be lower than the caller's; an OWNER may also create owners. No mail is sent: the
/// caller vouches for the address.
#[utoipa::path(
    post,
    path = "/organization/users",
    tag = "Users",
    operation_id = "createUser",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = NewUser,
    responses(
        (status = 201, description = "Created", body = OneOrgUser),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewUser>,
) -> ApiResult<Response> {
    let input = NewUserInput {
        email: value.email,
        password: value.password,
        first_name: value.first_name,
        last_name: value.last_name,
        org_role: value.org_role.map_or(Ok(OrgRole::User), read_role)?,
    };
    let role = input.org_role;
    let (control, creator) = (state.control().clone(), Arc::clone(&caller));
    let work = async move {
        let user = control.create_user(&creator, input).await?;
        let answer = OneOrgUser { success: true, data: (&user).into(), message: "the user was created" };
        Ok(Created { status: StatusCode::CREATED, answer, again: None })
    };
    let authorize = async { Control::authorize_user(&caller, role) };
    idempotency::once(&state, &caller, &headers, "POST /organization/users", &bytes, authorize, work).await
}

/// Returns a user, as a bare object, which the public client expects.
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
async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
) -> ApiResult<Json<OrgUser>> {
    Ok(Json((&state.control().user(&caller, id).await?).into()))
}

/// Changes to a user. Absent fields stay unchanged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserChanges {
    /// First name.
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Last name.
    #[schema(min_length = 1, max_length = 255)]
    last_name: Option<String>,
    /// The role in the organization: 0 USER, 1 BILLING, 2 WORKSPACES, 254 ADMINISTRATORS, 255 OWNER.
    org_role: Option<i64>,
}

/// Changes a user's names or role.
#[utoipa::path(
    put,
    path = "/organization/users/{userId}",
    tag = "Users",
    operation_id = "updateUser",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    request_body = UserChanges,
    responses(
        (status = 200, description = "Changed", body = OneOrgUser),
        Signed, InOrganization, WithBody,
    ),
)]
async fn update(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
    ChangeBody { value }: ChangeBody<UserChanges>,
) -> ApiResult<Json<OneOrgUser>> {
    let input = UserInput {
        first_name: value.name,
        last_name: value.last_name,
        org_role: value.org_role.map(read_role).transpose()?,
    };
    let user = state.control().update_user(&caller, id, input).await?;
    Ok(Json(OneOrgUser { success: true, data: (&user).into(), message: "the user was changed" }))
}

/// Removes a user. Their sessions and API tokens end immediately.
#[utoipa::path(
    delete,
    path = "/organization/users/{userId}",
    tag = "Users",
    operation_id = "deleteUser",
    security(("bearer" = [])),
    params(("userId" = String, Path, format = "uuid", description = "The user")),
    responses(
        (status = 200, description = "Removed", body = Message),
        Signed, InOrganization, BadRequest,
    ),
)]
async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
) -> ApiResult<Json<Message>> {
    state.control().delete_user(&caller, id).await?;
    Ok(Json(Message::new("the user was removed")))
}
