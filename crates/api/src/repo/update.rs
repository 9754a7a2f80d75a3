//! `PUT /repo/{repoId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::repository::{RepoChanges, RepoStored};
use bucketry_model::id::RepoId;

use super::create::repo_stored;
use super::input::repo_changes;
use crate::caller::Authenticated;
use crate::change_body::ChangeBody;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{Contended, InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::put_json("/repo/{repoId}", r#"{ "name": "{name}" }"#);

/// Changes a repository.
///
/// Absent fields stay unchanged. A list of buckets replaces the stored one: buckets that are not in it are
/// detached, and their objects stay where they are. The folder of a bucket that stays attached can't change (400
/// `NORMAL_UNIT_CANNOT_EDIT_FOLDER`). Nodes serve the changed repository within a second; requests in progress end
/// as they began.
#[utoipa::path(
    put,
    path = "/repo/{repoId}",
    tag = "Repositories",
    operation_id = "updateRepository",
    security(("bearer" = [])),
    params(("repoId" = String, Path, format = "uuid", description = "The repository")),
    request_body = RepoChanges,
    responses(
        (status = 200, description = "Changed", body = RepoStored),
        Signed, InOrganization, WithBody, Contended,
    ),
)]
pub(crate) async fn update(
    caller: ApiResult<Authenticated>,
    State(state): State<ApiState>,
    id: ApiResult<PathId<RepoId>>,
    body: ApiResult<ChangeBody<RepoChanges>>,
) -> ApiResult<Json<RepoStored>> {
    let change = async {
        let (caller, PathId(id), ChangeBody { value }) = (caller?, id?, body?);
        let input = repo_changes(value);
        let updated = state.control().update_repository(&caller, id, &input).await?;
        Ok(Json(repo_stored(updated)))
    };
    change.await.map_err(ApiError::for_repository)
}
