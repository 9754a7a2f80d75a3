//! `POST /repo/validate`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::outcome::Done;
use bucketry_api_types::repository::RepoProposal;

use super::input::repo_proposal;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/repo/validate",
    r#"{ "mode": "NORMAL", "repoBuckets": [{ "bucketId": "{bucketId}", "folder": "" }] }"#,
);

/// Checks whether a repository with these buckets can be created.
///
/// Nothing is stored. If the repository can't be created, the error has the code that `POST /repo` would return. Needs
/// WRITE in the workspace.
#[utoipa::path(
    post,
    path = "/repo/validate",
    tag = "Repositories",
    operation_id = "validateNewRepository",
    security(("bearer" = [])),
    request_body = RepoProposal,
    responses(
        (status = 200, description = "The repository can be created", body = Done),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn validate_new(
    caller: ApiResult<Authenticated>,
    State(state): State<ApiState>,
    body: ApiResult<JsonBody<RepoProposal>>,
) -> ApiResult<Json<Done>> {
    let look = async {
        let (caller, JsonBody { value, .. }) = (caller?, body?);
        state.control().validate_new_repository(&caller, &repo_proposal(value)).await?;
        Ok(Json(Done::YES))
    };
    look.await.map_err(ApiError::for_repository)
}
