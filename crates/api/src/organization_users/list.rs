//! `GET /organization/users`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::organization_user::OrgUserList;
use bucketry_control::Control;
use bucketry_model::id::UserId;
use bucketry_model::role::Caller;
use bucketry_store::user::User;
use serde::Serialize;

use super::answer::org_user;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::pagination::{self, Frame, Source};
use crate::params::Params;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/organization/users");

struct Users {
    control: Control,
    caller: Caller,
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
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Entries per page; 100 if only `cursor` is sent"),
        ("cursor" = Option<String>, Query, description = "The `nextCursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "The users", body = OrgUserList),
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    params: Params,
) -> ApiResult<Response> {
    let source = Users { control: state.control().clone(), caller };
    pagination::answer(source, Frame::Counted("data"), params.page()?).await
}
