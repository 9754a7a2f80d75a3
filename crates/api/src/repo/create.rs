//! `POST /repo`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bucketry_api_types::repository::{NewRepo, RepoStored};
use bucketry_control::repositories::CreatedRepository;
use http::{HeaderMap, StatusCode};

use super::input::new_repo;
use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::idempotency::{self, Created};
use crate::openapi::{InOrganization, Repeatable, Signed, WithBody};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post_json(
    "/repo",
    r#"{ "name": "{name}", "storageType": "S3", "mode": "NORMAL", "workspaceId": "{workspace}", "repoBuckets": [] }"#,
);

pub(super) fn repo_stored(stored: CreatedRepository) -> RepoStored {
    RepoStored { success: true, repo_id: stored.id, message: stored.message }
}

/// Creates a repository.
///
/// Error codes: `NAME_ALREADY_USED`, `MIRROR_MASTER_UNIT_MISSING`,
/// `MIRROR_MASTER_UNIT_COUNT_INVALID`, `MIRROR_UNIT_ALREADY_IN_OTHER_REPO`, `NORMAL_UNIT_FOLDER_ALREADY_USED`
/// (400), `NOT_FOUND` (404) and `QUOTA_EXCEEDED` (429). For a repository of mode MIRROR, `message` says that
/// objects are not copied to its replicas yet.
#[utoipa::path(
    post,
    path = "/repo",
    tag = "Repositories",
    operation_id = "createRepository",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "A repetition with the same key within 24 hours gets the first result again")),
    request_body = NewRepo,
    responses(
        (status = 200, description = "Created", body = RepoStored),
        Signed, InOrganization, WithBody, Repeatable,
    ),
)]
pub(crate) async fn create(
    caller: ApiResult<Authenticated>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: ApiResult<JsonBody<NewRepo>>,
) -> ApiResult<Response> {
    make(caller, &state, &headers, body).await.map_err(ApiError::for_repository)
}

async fn make(
    caller: ApiResult<Authenticated>,
    state: &ApiState,
    headers: &HeaderMap,
    body: ApiResult<JsonBody<NewRepo>>,
) -> ApiResult<Response> {
    let (Authenticated(caller), JsonBody { value, bytes }) = (caller?, body?);
    let input = Arc::new(new_repo(value));
    let authorize = state.control().authorize_repository(&caller, &input);
    let (control, creator, new) = (state.control().clone(), caller.clone(), Arc::clone(&input));
    let work = async move {
        let created = control.create_repository(&creator, &new).await?;
        Ok(Created { status: StatusCode::OK, answer: repo_stored(created), again: None })
    };
    idempotency::once(state, &caller, headers, "POST /repo", &bytes, authorize, work).await
}
