//! `DELETE /organization/users/{userId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_model::id::UserId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/organization/users/{userId}");

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
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<UserId>,
) -> ApiResult<Json<Message>> {
    state.control().delete_user(&caller, id).await?;
    Ok(Json(Message::new("the user was removed")))
}
