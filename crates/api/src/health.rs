//! `GET /health`: whether the process is alive.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::endpoint::RequestSample;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/health");

/// How long the response may wait for the check of the database.
const CHECKED_WITHIN: Duration = Duration::from_millis(250);

/// The response of a process that is alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// Always true.
    success: bool,
    /// The running version.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
    /// Whether the database responded to a check in the last second. The process is alive in any case, and restarting
    /// it would not help.
    database: bool,
    /// The server's clock. If it is wrong, signatures can't be verified.
    time: Moment,
}

/// Reports that the process is alive.
#[utoipa::path(
    get,
    path = "/health",
    tag = "Operation",
    operation_id = "health",
    responses((status = 200, description = "The process is alive", body = HealthAnswer)),
)]
pub(crate) async fn health(State(state): State<ApiState>) -> Json<HealthAnswer> {
    let time = Moment(state.control().clock().now());
    let check = timeout(CHECKED_WITHIN, state.control().database_check()).await;
    let database = check.is_ok_and(|check| check.responds);
    Json(HealthAnswer { success: true, version: env!("CARGO_PKG_VERSION"), database, time })
}
