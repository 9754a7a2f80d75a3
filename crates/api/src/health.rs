//! `GET /health`: whether the process is alive.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use serde::Serialize;
use utoipa::ToSchema;

use crate::endpoint::RequestSample;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/health");

/// The response of a process that is alive.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// Always true.
    success: bool,
    /// The running version.
    #[schema(value_type = String, example = "0.1.0")]
    version: &'static str,
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
    Json(HealthAnswer { success: true, version: env!("CARGO_PKG_VERSION"), time })
}
