//! `GET /repo/{repoId}/apikey`.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::repository_key::RepoKeyList;
use bucketry_model::id::RepoId;

use super::super::answer::repo_key;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{BadRequest, InOrganization, Signed};
use crate::params::{Params, PathId};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/repo/{repoId}/apikey");

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
        Signed, InOrganization, BadRequest,
    ),
)]
pub(crate) async fn list(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<RepoId>,
    _: Params,
) -> ApiResult<Response> {
    use axum::response::IntoResponse as _;
    let keys = state.control().repository_keys(&caller, id).await?;
    let keys = keys.iter().map(repo_key).collect();
    Ok(Json(RepoKeyList { success: true, keys }).into_response())
}
