//! `PUT /repo/{repoId}/apikey/{apikeyId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Message;
use bucketry_api_types::repository_key::RepoKeyFields;

use super::input::key_input;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::KeyPath;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::put_json(
    "/repo/{repoId}/apikey/{apikeyId}",
    r#"{ "name": "key", "accessType": "WRITE" }"#,
);

/// Changes the name and the access level of an access key.
#[utoipa::path(
    put,
    path = "/repo/{repoId}/apikey/{apikeyId}",
    tag = "Repositories",
    operation_id = "updateRepositoryKey",
    security(("bearer" = [])),
    params(
        ("repoId" = String, Path, format = "uuid", description = "The repository"),
        ("apikeyId" = String, Path, format = "uuid", description = "The key"),
    ),
    request_body = RepoKeyFields,
    responses(
        (status = 200, description = "Changed", body = Message),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn update(
    caller: Authenticated,
    State(state): State<ApiState>,
    KeyPath(repo, key): KeyPath,
    ChangeBody { value }: ChangeBody<RepoKeyFields>,
) -> ApiResult<Json<Message>> {
    state.control().update_repository_key(&caller, repo, key, &key_input(value)).await?;
    Ok(Json(Message::new("the key was changed")))
}
