//! `/vault/rotation`: replaces the keys that secrets are sealed to.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use bucketry_api_types::vault::{Phase, RotationAnswer, VaultRotation};
use bucketry_store::vault::{RotationPhase, RotationState};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{Forbidden, Signed};
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, start))
}

fn vault_rotation(state: RotationState) -> VaultRotation {
    VaultRotation {
        phase: match state.phase {
            RotationPhase::NewIdentity => Phase::NewIdentity,
            RotationPhase::Resealing => Phase::Resealing,
            RotationPhase::Retiring => Phase::Retiring,
            RotationPhase::Done => Phase::Done,
        },
        total: state.total,
        done: state.done,
        failed: state.failed,
        started_at: Moment(state.started_at),
        finished_at: state.finished_at.map(Moment),
    }
}

/// Starts a rotation, or returns the one in progress.
///
/// A node that can open a secret seals it again, for every secret, while everything stays in use. Needs an OWNER of
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
async fn start(caller: Authenticated, State(state): State<ApiState>) -> ApiResult<Json<RotationAnswer>> {
    let rotation = state.control().start_rotation(&caller).await?;
    Ok(Json(RotationAnswer { success: true, rotation: Some(vault_rotation(rotation)) }))
}

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
async fn read(caller: Authenticated, State(state): State<ApiState>) -> ApiResult<Json<RotationAnswer>> {
    let rotation = state.control().rotation(&caller).await?;
    Ok(Json(RotationAnswer { success: true, rotation: rotation.map(vault_rotation) }))
}
