//! `POST /repo/{repoId}/validate`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::repository::RepoChanges;
use bucketry_model::id::RepoId;

use super::input::repo_changes;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/repo/{repoId}/validate", r#"{ "name": "{name}" }"#);

/// Checks whether a repository can be changed as the body says.
///
/// Nothing is stored. Absent fields count as unchanged. If the change isn't possible, the error has the code that `PUT
/// /repo/{repoId}` would return.
#[utoipa::path(
    post,
    path = "/repo/{repoId}/validate",
    tag = "Repositories",
    operation_id = "validateRepository",
    security(("bearer" = [])),
    params(("repoId" = String, Path, format = "uuid", description = "The repository")),
    request_body = RepoChanges,
    responses(
        (status = 200, description = "The repository can be changed", body = Done),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn validate(
    caller: ApiResult<Authenticated>,
    State(state): State<ApiState>,
    id: ApiResult<PathId<RepoId>>,
    body: ApiResult<JsonBody<RepoChanges>>,
) -> ApiResult<Json<Done>> {
    let look = async {
        let (caller, PathId(id), JsonBody { value, .. }) = (caller?, id?, body?);
        state.control().validate_repository(&caller, id, &repo_changes(value)).await?;
        Ok(Json(Done::YES))
    };
    look.await.map_err(ApiError::for_repository)
}
