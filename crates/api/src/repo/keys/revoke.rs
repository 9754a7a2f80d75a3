//! `DELETE /repo/{repoId}/apikey/{apikeyId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::KeyPath;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/repo/{repoId}/apikey/{apikeyId}");

/// Revokes an access key.
///
/// The secret is destroyed immediately, and nodes refuse the key within seconds.
#[utoipa::path(
    delete,
    path = "/repo/{repoId}/apikey/{apikeyId}",
    tag = "Repositories",
    operation_id = "revokeRepositoryKey",
    security(("bearer" = [])),
    params(
        ("repoId" = String, Path, format = "uuid", description = "The repository"),
        ("apikeyId" = String, Path, format = "uuid", description = "The key"),
    ),
    responses(
        (status = 200, description = "Revoked", body = Message),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn revoke(
    caller: Authenticated,
    State(state): State<ApiState>,
    KeyPath(repo, key): KeyPath,
) -> ApiResult<Json<Message>> {
    state.control().revoke_repository_key(&caller, repo, key).await?;
    Ok(Json(Message::new("the key was revoked")))
}
