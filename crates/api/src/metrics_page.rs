//! Metrics for Prometheus: `GET /metrics`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::process::Process;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/metrics");

/// Returns metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operation",
    operation_id = "metrics",
    responses(
        (status = 200, description = "The metrics, in the OpenMetrics text format",
            body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        crate::openapi::Anytime,
    ),
)]
pub(crate) async fn metrics(State(state): State<ApiState>) -> ApiResult<Response> {
    let nodes = state.control().node_views().await?;
    let credentials = state.control().ending_credentials().await?;
    let text = state.metrics().text(&nodes, credentials, Process::look()).map_err(ApiError::internal)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
