//! `PUT /user/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_api_types::user::AccountChanges;
use bucketry_control::Error;
use bucketry_control::accounts::AccountInput;
use bucketry_model::id::UserId;

use crate::caller::SignedIn;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Contended, InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::put_json("/user/{userId}", r#"{ "name": "New" }"#);

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
pub(crate) async fn update(
    caller: SignedIn,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
    ChangeBody { value }: ChangeBody<AccountChanges>,
) -> ApiResult<Json<Message>> {
    let attempt = match (state.limits(), &value.current_password) {
        (Some(limits), Some(_)) => Some(limits.admit_password_change(caller.user_id).await?),
        _ => None,
    };
    let input = AccountInput {
        first_name: value.name,
        last_name: value.last_name,
        password: value.password,
        current_password: value.current_password,
    };
    let changed = state.control().update_account(&caller, id, input).await;
    match attempt {
        Some(attempt) if matches!(changed, Err(Error::CurrentPasswordWrong)) => attempt.fail().await,
        Some(attempt) => attempt.refund(),
        None => {}
    }
    changed?;
    Ok(Json(Message::new("the account was changed")))
}
