//! Metrics for Prometheus: `GET /metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::response::{IntoResponse as _, Response};
use bucketry_control::monitoring::MonitoredBuckets;
use bucketry_model::id::WorkspaceId;
use bucketry_model::secret::Secret;
use bucketry_web::exposition::MetricsFormat;
use http::header::{CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use subtle::ConstantTimeEq as _;

use crate::attention_metrics::AttentionCollector;
use crate::caller::bearer;
use crate::endpoint::RequestSample;
use crate::error::{ApiError, ApiResult};
use crate::metrics::{Metrics, OnDemandValues};
use crate::params::Params;
use crate::process::Process;
use crate::state::ApiState;

pub(crate) const SAMPLE: RequestSample = RequestSample::get("/metrics");

/// Headers that proxies add.
const FORWARDED: [&str; 4] = ["x-forwarded-for", "x-forwarded-host", "forwarded", "via"];

/// Marks requests that arrive at the dedicated address for metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AtMetricsListener;

/// A request that may read metrics. Handlers take it first.
pub(crate) struct ScrapeAccess {
    /// Whether the response may contain the names of buckets and workspaces.
    names: bool,
}

impl FromRequestParts<ApiState> for ScrapeAccess {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        let settings = &state.settings().metrics;
        if settings.own_listener && parts.extensions.get::<AtMetricsListener>().is_none() {
            let message = "metrics are not served at this address, but at that of --metrics-listen";
            return Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
        }
        match &settings.token {
            Some(token) if !is_token(bearer(parts), token) => Err(unauthenticated()),
            Some(_) => Ok(Self { names: true }),
            None => Ok(Self { names: settings.own_listener || is_on_this_machine(parts, state) }),
        }
    }
}

/// Whether a program on this machine sent the request. A proxy on this machine may pass on requests of others.
fn is_on_this_machine(parts: &Parts, state: &ApiState) -> bool {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else { return true };
    let peer = peer.ip().to_canonical();
    let is_proxy = state.settings().trusted_proxies.iter().any(|network| network.contains(&peer));
    let is_forwarded = FORWARDED.iter().any(|name| parts.headers.contains_key(*name));
    peer.is_loopback() && !is_proxy && !is_forwarded
}

/// Takes the same time for every wrong token of the right length.
fn is_token(sent: Option<&str>, token: &Secret) -> bool {
    sent.is_some_and(|sent| sent.as_bytes().ct_eq(token.expose().as_bytes()).into())
}

fn unauthenticated() -> ApiError {
    let message =
        "metrics need the token in the server's --metrics-token-file: send it as Authorization: Bearer …";
    ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn names_are_hidden() -> ApiError {
    let message = "metrics of buckets contain names, so only programs on the server's machine can read them, unless the \
                   server has --metrics-token-file or --metrics-listen";
    ApiError::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
}

/// Returns metrics for Prometheus.
///
/// The format is that of Prometheus, or OpenMetrics if the header `Accept` prefers it. If the database doesn't respond,
/// the metrics that need it are missing, and `bucketry_database_up` is 0.
///
/// With `--metrics-token-file`, the token in that file is needed (`Authorization: Bearer`); with `--metrics-listen`,
/// metrics are served at another address only. Without both settings, only programs on the server's machine get the
/// metrics of single buckets, because those contain names.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Operation",
    operation_id = "metrics",
    params(
        ("workspace" = Option<String>, Query, format = "uuid", description = "Returns only the metrics of the buckets of this workspace"),
    ),
    responses(
        (status = 200, description = "The metrics", content(
            (String = "text/plain; version=0.0.4; charset=utf-8"),
            (String = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        )),
        crate::openapi::MetricsRefused,
        crate::openapi::BadRequest,
        crate::openapi::Anytime,
    ),
)]
pub(crate) async fn metrics(
    access: ScrapeAccess,
    State(state): State<ApiState>,
    headers: HeaderMap,
    params: Params,
) -> ApiResult<Response> {
    let text = match params.id::<WorkspaceId>("workspace")? {
        Some(_) if !access.names => return Err(names_are_hidden()),
        Some(workspace) => {
            let limit = state.settings().metrics.buckets;
            let buckets = state.control().monitored_buckets(Some(workspace), limit).await?;
            Metrics::text_of_buckets(&buckets)
        }
        None => state.metrics().text(&read(&state, &access).await),
    };
    let format = MetricsFormat::preferred(&headers);
    let text = format.convert(text.map_err(ApiError::internal)?);
    let headers = [(CONTENT_TYPE, format.content_type()), (VARY, "Accept")];
    Ok((headers, text).into_response())
}

/// Reads what the database has, unless it doesn't respond.
async fn read(state: &ApiState, access: &ScrapeAccess) -> OnDemandValues {
    let control = state.control();
    let database = control.database_check().await;
    let read = OnDemandValues { database, process: Process::look(), ..OnDemandValues::default() };
    if !database.responds {
        return read;
    }
    let limit = state.settings().metrics.buckets;
    OnDemandValues {
        nodes: control.node_views().await.unwrap_or_default(),
        credentials: control.ending_credentials().await.ok(),
        attention: AttentionCollector {
            findings: control.finding_counts().await.ok().flatten(),
            outbox: control.notification_outbox().await.ok(),
        },
        buckets: match limit {
            0 => None,
            _ if !access.names => {
                Some(Arc::new(MonitoredBuckets { more: true, ..MonitoredBuckets::default() }))
            }
            limit => control.monitored_buckets(None, limit).await.ok(),
        },
        ..read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_accepted() {
        let token = Secret::new("0123456789abcdef");
        assert!(is_token(Some("0123456789abcdef"), &token));
        for wrong in
            [None, Some(""), Some("0123456789abcde"), Some("0123456789abcdef0"), Some("0123456789abcdeF")]
        {
            assert!(!is_token(wrong, &token), "{wrong:?}");
        }
    }
}
