//! `/repo/{repoId}/apikey`: access keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_control::repositories::KeyInput;
use bucketry_model::id::{RepoId, RepoKeyId};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::RepoKeyAnswer;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, NodeNeeded, Repeatable, Signed, WithBody};
use crate::params::{KeyPath, PathId};
use crate::schema::{Message, WorkspaceRoleSchema};
use crate::state::ApiState;

/// An access key's fields.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RepoKeyFields {
    /// What people call it.
    #[schema(required, value_type = String, min_length = 1, max_length = 255, example = "backup job")]
    name: Option<String>,
    /// What it may do: READ reads and lists, WRITE stores and deletes too.
    #[schema(required, value_type = WorkspaceRoleSchema)]
    access_type: Option<String>,
}

impl From<RepoKeyFields> for KeyInput {
    fn from(fields: RepoKeyFields) -> Self {
        Self { name: fields.name, access: fields.access_type }
    }
}

/// An access key was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct RepoKeyMade {
    /// Always true.
    success: bool,
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: RepoKeyId,
    /// The access key id.
    #[schema(example = "BKTQ7XJ3M2A5V6ZK4LND")]
    key: String,
    /// The secret access key. Told this once: absent where the request is a repetition.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The access keys of a repository.
#[derive(Serialize, ToSchema)]
pub(crate) struct RepoKeyList<'a> {
    /// Always true.
    success: bool,
    /// The live keys, newest first, without their secrets.
    #[schema(inline = false)]
    keys: Vec<RepoKeyAnswer<'a>>,
}

/// Makes an access key.
///
/// The secret is told this once; nothing but nodes can open what is stored of it.
#[utoipa::path(
    post,
    path = "/repo/{repoId}/apikey",
    tag = "Repositories",
    operation_id = "createRepositoryKey",
    security(("bearer" = [])),
    params(
        ("repoId" = String, Path, format = "uuid", description = "The repository"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition answer the first result, without the secret"),
    ),
    request_body = RepoKeyFields,
    responses(
        (status = 200, description = "Made", body = RepoKeyMade),
        Signed, InOrganization, WithBody, Repeatable, NodeNeeded,
    ),
)]
pub(crate) async fn create(
    Authenticated(caller): Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<RepoId>,
    headers: HeaderMap,
    JsonBody { value, bytes }: JsonBody<RepoKeyFields>,
) -> ApiResult<Response> {
    let input = KeyInput::from(value);
    let (control, creator) = (state.control().clone(), Arc::clone(&caller));
    let work = async move {
        let made = control.create_repository_key(&creator, id, &input).await?;
        let response = |secret| RepoKeyMade { success: true, id: made.id, key: made.key.clone(), secret };
        let answer = response(Some(made.secret.expose().to_owned()));
        Ok(Created { status: StatusCode::OK, answer, again: Some(response(None)) })
    };
    // The same body for another repository is another request.
    let request = [id.to_string().as_bytes(), &bytes].concat();
    let authorize = state.control().authorize_repository_key(&caller, id);
    let route = "POST /repo/{repoId}/apikey";
    idempotency::once(&state, &caller, &headers, route, &request, authorize, work).await
}

/// Lists the access keys of a repository.
#[utoipa::path(
    get,
    path = "/repo/{repoId}/apikey",
    tag = "Repositories",
    operation_id = "listRepositoryKeys",
    security(("bearer" = [])),
    params(("repoId" = String, Path, format = "uuid", description = "The repository")),
    responses(
        (status = 200, description = "The keys", body = RepoKeyList<'static>),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<RepoId>,
) -> ApiResult<Response> {
    use axum::response::IntoResponse as _;
    let keys = state.control().repository_keys(&caller, id).await?;
    let keys = keys.iter().map(RepoKeyAnswer::from).collect();
    Ok(Json(RepoKeyList { success: true, keys }).into_response())
}

/// Changes what an access key is called and what it may do.
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
    state.control().update_repository_key(&caller, repo, key, &KeyInput::from(value)).await?;
    Ok(Json(Message::new("the key was changed")))
}

/// Revokes an access key.
///
/// Its secret is destroyed at once, and nodes refuse it within seconds.
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
