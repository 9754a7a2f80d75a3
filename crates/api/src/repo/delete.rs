//! `DELETE /repo/{repoId}`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_model::id::RepoId;

use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{InOrganization, Signed};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::delete("/repo/{repoId}");

/// Deletes a repository.
///
/// The repository's keys are revoked and their secrets destroyed immediately. Its buckets and its name can be used
/// again. Its statistics remain, and no object is touched.
#[utoipa::path(
    delete,
    path = "/repo/{repoId}",
    tag = "Repositories",
    operation_id = "deleteRepository",
    security(("bearer" = [])),
    params(("repoId" = String, Path, format = "uuid", description = "The repository")),
    responses(
        (status = 200, description = "Deleted", body = Done),
        Signed, InOrganization,
    ),
)]
pub(crate) async fn delete(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<RepoId>,
) -> ApiResult<Json<Done>> {
    state.control().delete_repository(&caller, id).await?;
    Ok(Json(Done::YES))
}
