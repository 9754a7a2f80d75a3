//! `POST /repo/{repoId}/apikey`.

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::repository_key::{RepoKeyFields, RepoKeyMade};
use bucketry_model::id::RepoId;
use http::{HeaderMap, StatusCode};

use super::input::key_input;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, NodeNeeded, Repeatable, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/repo/{repoId}/apikey", r#"{ "name": "key", "accessType": "READ" }"#);

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
    let (control, creator) = (state.control().clone(), caller.clone());
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
