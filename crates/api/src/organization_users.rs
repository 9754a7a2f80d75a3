//! `/organization/users`: the users of the caller's organization. All calls need the organization role WORKSPACES.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::organization_user::{
    NewUserRequest, OneOrgUser, OrgUser, OrgUserChanges, OrgUserList,
};
use bucketry_api_types::outcome::Message;
use bucketry_control::Control;
use bucketry_control::users::{NewUserInput, UserInput};
use bucketry_model::id::UserId;
use bucketry_model::role::{Caller, OrgRole};
use bucketry_store::user::User;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
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

fn org_user(user: &User) -> OrgUser {
    OrgUser {
        id: user.id,
        email: user.email.clone(),
        name: user.first_name.as_str().to_owned(),
        last_name: user.last_name.as_str().to_owned(),
        org_id: user.org_id,
        org_role: user.org_role.number(),
        org_role_description: user.org_role.as_str().into(),
        org_roles: role_numbers(user.org_role),
        validated: user.validated,
        deleted_at: None,
    }
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
        org_user(entry)
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
    request_body = NewUserRequest,
    responses(
        (status = 201, description = "Created", body = OneOrgUser),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<NewUserRequest>,
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
        let answer =
            OneOrgUser { success: true, data: org_user(&user), message: "the user was created".into() };
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
    Ok(Json(org_user(&state.control().user(&caller, id).await?)))
}

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
async fn update(
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
