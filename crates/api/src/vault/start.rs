//! `POST /vault/rotation`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::vault::RotationAnswer;

use super::answer::vault_rotation;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Forbidden, Signed};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::post("/vault/rotation");

/// Starts a rotation, or returns the one in progress.
///
/// Nodes create new keys, and every secret is sealed to them; buckets and repositories stay in use. Needs an OWNER of
/// the deployment's first organization.
#[utoipa::path(
    post,
    path = "/vault/rotation",
    tag = "Operation",
    operation_id = "startRotation",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The rotation is in progress", body = RotationAnswer),
        Signed, Forbidden,
    ),
)]
pub(crate) async fn start(
    caller: Authenticated,
    State(state): State<ApiState>,
) -> ApiResult<Json<RotationAnswer>> {
    let rotation = state.control().start_rotation(&caller).await?;
    Ok(Json(RotationAnswer { success: true, rotation: Some(vault_rotation(rotation)) }))
}
