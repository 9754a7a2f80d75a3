//! `/vault/rotation`: replacing the keys that secrets are sealed to.

use axum::Json;
use axum::extract::State;
use bucketry_store::vault::{RotationPhase, RotationState};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Authenticated;
use crate::error::ApiResult;
use crate::openapi::{Forbidden, Signed};
use crate::schema::Moment;
use crate::state::ApiState;

/// The routes.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, start))
}

/// How far a rotation has come.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Phase {
    /// Nodes are making new identities.
    NewIdentity,
    /// Secrets are being sealed anew.
    Resealing,
    /// Nodes are forgetting their old identities.
    Retiring,
    /// All is done.
    Done,
}

/// A rotation of the vault's keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    /// How far it is.
    phase: Phase,
    /// How many secrets there were at the start.
    total: u64,
    /// How many have been looked at.
    done: u64,
    /// How many no node could open; they stay as they were.
    failed: u64,
    /// When it began.
    started_at: Moment,
    /// When it ended.
    finished_at: Option<Moment>,
}

impl From<RotationState> for Rotation {
    fn from(state: RotationState) -> Self {
        Self {
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
}

/// The present or last rotation.
#[derive(Serialize, ToSchema)]
struct RotationAnswer {
    /// Always true.
    success: bool,
    /// The rotation; null where there never was one.
    rotation: Option<Rotation>,
}

/// Starts a rotation, or tells of the one that is under way.
///
/// Every secret is sealed anew by a node that can open it, while everything stays in use. Needs an OWNER of the
/// deployment's first organization.
#[utoipa::path(
    post,
    path = "/vault/rotation",
    tag = "Operation",
    operation_id = "startRotation",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "It is under way", body = RotationAnswer),
        Signed, Forbidden,
    ),
)]
async fn start(caller: Authenticated, State(state): State<ApiState>) -> ApiResult<Json<RotationAnswer>> {
    let rotation = state.control().start_rotation(&caller).await?;
    Ok(Json(RotationAnswer { success: true, rotation: Some(rotation.into()) }))
}

/// Tells how far the present or last rotation is.
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
    Ok(Json(RotationAnswer { success: true, rotation: rotation.map(Rotation::from) }))
}
