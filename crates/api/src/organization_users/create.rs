//! `POST /organization/users`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::organization_user::{NewUserRequest, OneOrgUser};
use bucketry_control::Control;
use bucketry_control::users::NewUserInput;
use bucketry_model::role::OrgRole;
use http::{HeaderMap, StatusCode};

use super::answer::org_user;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, Repeatable, Signed, WithBody};
use crate::org_role::read_role;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/organization/users",
    r#"{ "email": "{email}", "password": "{password}", "firstName": "A", "lastName": "B" }"#,
);

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
pub(crate) async fn create(
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
    let (control, creator) = (state.control().clone(), caller.clone());
    let work = async move {
        let user = control.create_user(&creator, input).await?;
        let answer =
            OneOrgUser { success: true, data: org_user(&user), message: "the user was created".into() };
        Ok(Created { status: StatusCode::CREATED, answer, again: None })
    };
    let authorize = async { Control::authorize_user(&caller, role) };
    idempotency::once(&state, &caller, &headers, "POST /organization/users", &bytes, authorize, work).await
}
