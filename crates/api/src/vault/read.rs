//! `GET /vault/rotation`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::vault::RotationAnswer;

use super::answer::vault_rotation;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::ApiResult;
use crate::openapi::{Forbidden, Signed};
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/vault/rotation");

/// Returns the progress of the current or last rotation.
#[utoipa::path(
    get,
    path = "/vault/rotation",
    tag = "Operation",
    operation_id = "readRotation",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The rotation", body = RotationAnswer),
        Signed, Forbidden,
    ),
)]
pub(crate) async fn read(
    caller: Authenticated,
    State(state): State<ApiState>,
) -> ApiResult<Json<RotationAnswer>> {
    let rotation = state.control().rotation(&caller).await?;
    Ok(Json(RotationAnswer { success: true, rotation: rotation.map(vault_rotation) }))
}
