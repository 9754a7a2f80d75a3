//! `POST /bucket/{bucketId}/stats`.

use axum::Json;
use axum::extract::State;
use bucketry_api_types::moment::Moment;
use bucketry_control::buckets::NodeDayView;
use bucketry_model::id::BucketId;
use bucketry_model::status::Status;
use bucketry_model::time::Day;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::body::JsonBody;
use crate::caller::Authenticated;
use crate::error::{ApiError, ApiResult};
use crate::openapi::{InOrganization, Signed, WithBody};
use crate::params::PathId;
use crate::state::ApiState;

/// The day to report.
#[derive(Deserialize, ToSchema)]
pub(crate) struct WhichDay {
    /// An RFC 3339 date-time or `YYYY-MM-DD`. The report covers the UTC day that contains it.
    #[schema(example = "2026-01-31T00:00:00.000Z")]
    day: String,
}

/// A bucket's statistics for one day.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DayAnswer {
    /// Always true.
    success: bool,
    /// One entry per node that probed the bucket that day.
    node_stats: Vec<NodeDay>,
}

/// A bucket's statistics for one day, from one node.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeDay {
    /// The unique name of the node.
    #[schema(example = "node-1.example.com")]
    ip: String,
    /// The pattern of the host names that the node answers to.
    #[schema(example = "*-eu-central-1-aws.node-1.example.com")]
    host: String,
    /// The share of the observed part of the day in which the bucket was online, in percent, weighted by time.
    perc_uptime: f64,
    /// The mean latency of the successful probes, in milliseconds.
    avg_latency_ms: f64,
    /// The median latency of the successful probes, in milliseconds; null if there were none.
    p50_latency_ms: Option<u32>,
    /// The 99th percentile of the latency of the successful probes, in milliseconds; null if there were none.
    p99_latency_ms: Option<u32>,
    /// The latency of the day's last probe, in milliseconds; 0 if it failed.
    last_latency_ms: u32,
    /// The number of probes that day.
    probes: i64,
    /// The number of probes that failed.
    failures: i64,
    /// The day's last failure; null if there was none.
    last_error: Option<LastError>,
    /// The version that the node runs.
    version: String,
    /// The bucket's status after the day's last probe; DISCONNECTED if the node is not connected now.
    node_status: Status,
    /// When the day's last probe ended.
    last_updated: Moment,
}

/// A failed probe.
#[derive(Serialize, ToSchema)]
pub(crate) struct LastError {
    /// Why the probe failed, as a stable code.
    #[schema(value_type = String, example = "CONNECTION_REFUSED")]
    error_code: &'static str,
    /// The same reason as a sentence.
    message: String,
}

impl NodeDay {
    fn of(view: NodeDayView, day: Day) -> Self {
        let NodeDayView { node, node_status, record } = view;
        let last = record.last.as_ref();
        Self {
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
                .map(|failure| LastError { error_code: failure.code.as_str(), message: failure.message }),
            ip: node.name,
            version: node.version,
            node_status,
        }
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
    let node_stats = nodes.into_iter().map(|view| NodeDay::of(view, day)).collect();
    Ok(Json(DayAnswer { success: true, node_stats }))
}
