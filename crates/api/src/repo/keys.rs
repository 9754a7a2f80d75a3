//! `/repo/{repoId}/apikey`: access keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::outcome::Message;
use bucketry_api_types::repository_key::{RepoKeyFields, RepoKeyList, RepoKeyMade};
use bucketry_control::repositories::KeyInput;
use bucketry_model::id::RepoId;
use http::{HeaderMap, StatusCode};

use super::answer::repo_key;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, NodeNeeded, Repeatable, Signed, WithBody};
use crate::params::{KeyPath, PathId};
use crate::state::ApiState;

fn key_input(fields: RepoKeyFields) -> KeyInput {
    KeyInput { name: fields.name, access: fields.access_type }
}

/// Creates an access key.
///
/// The secret is returned only once. It is stored so that only nodes can read it.
#[utoipa::path(
    post,
    path = "/repo/{repoId}/apikey",
    tag = "Repositories",
    operation_id = "createRepositoryKey",
    security(("bearer" = [])),
    params(
        ("repoId" = String, Path, format = "uuid", description = "The repository"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again, without the secret"),
    ),
    request_body = RepoKeyFields,
    responses(
        (status = 200, description = "Created", body = RepoKeyMade),
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
    let input = key_input(value);
    let (control, creator) = (state.control().clone(), Arc::clone(&caller));
    let work = async move {
        let made = control.create_repository_key(&creator, id, &input).await?;
        let response = |secret| RepoKeyMade { success: true, id: made.id, key: made.key.clone(), secret };
        let answer = response(Some(made.secret.clone()));
        Ok(Created { status: StatusCode::OK, answer, again: Some(response(None)) })
    };
    // The same body for another repository is a different request.
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
    let keys = keys.iter().map(repo_key).collect();
    Ok(Json(RepoKeyList { success: true, keys }).into_response())
}

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
