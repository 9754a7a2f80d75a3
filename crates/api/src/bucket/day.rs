//! `POST /bucket/{bucketId}/stats`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::bucket_status::{DayAnswer, LastError, NodeDay, WhichDay};
use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::NodeDayView;
use bucketry_model::id::BucketId;
use bucketry_model::time::Day;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample =
    RequestSample::post_json("/bucket/{bucketId}/stats", r#"{ "day": "2026-03-01" }"#);

fn node_day(view: NodeDayView, day: Day) -> NodeDay {
    let NodeDayView { node, node_status, record } = view;
    let last = record.last.as_ref();
    NodeDay {
        host: format!("*-{}-{}.{}", node.region, node.provider.to_lowercase(), node.name),
        perc_uptime: record.uptime_percent(),
        avg_latency_ms: record.average_latency_ms(),
        p50_latency_ms: record.latencies.percentile(50),
        p99_latency_ms: record.latencies.percentile(99),
        last_latency_ms: last.and_then(|sample| sample.latency_ms).unwrap_or(0),
        probes: record.probes,
        failures: record.failures,
        last_updated: Moment(last.map_or(day.start(), |sample| sample.at)),
        last_error: record
            .last_failure
            .map(|failure| LastError { error_code: failure.code.as_str().into(), message: failure.message }),
        ip: node.name,
        version: node.version,
        node_status,
    }
}

/// Returns a bucket's uptime and latency for one UTC day, by node.
///
/// The list is empty for a day without data.
#[utoipa::path(
    post,
    path = "/bucket/{bucketId}/stats",
    tag = "Buckets",
    operation_id = "bucketDay",
    security(("bearer" = [])),
    params(("bucketId" = String, Path, format = "uuid", description = "The bucket")),
    request_body = WhichDay,
    responses(
        (status = 200, description = "The day", body = DayAnswer),
        Signed, InOrganization, WithBody,
    ),
)]
pub(crate) async fn day(
    caller: Authenticated,
    State(state): State<ApiState>,
    PathId(id): PathId<BucketId>,
    JsonBody { value: which, .. }: JsonBody<WhichDay>,
) -> ApiResult<Json<DayAnswer>> {
    let day = Day::parse(&which.day).map_err(|error| ApiError::field("day", format!("is {error}")))?;
    let nodes = state.control().bucket_day(&caller, id, day).await?;
    let node_stats = nodes.into_iter().map(|view| node_day(view, day)).collect();
    Ok(Json(DayAnswer { success: true, node_stats }))
}
