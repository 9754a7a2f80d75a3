//! `/health`, `/ready` and `/metrics` of a node that runs as a process.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use bucketry_model::secret::Secret;
use bucketry_web::exposition::MetricsFormat;
use bucketry_web::panics::catch_panics;
use http::header::{AUTHORIZATION, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio_util::sync::CancellationToken;

use crate::agent::MetricsReader;
use crate::metrics::MetricsSnapshot;

/// What the pages are made from.
pub struct StatusPages {
    /// Reads the state of the node.
    pub node: MetricsReader,
    /// The metrics of the process.
    pub metrics: Registry,
    /// What readers of `/metrics` must send as a bearer token. `None` if they need nothing.
    pub metrics_token: Option<Secret>,
    /// The version of the software.
    pub version: &'static str,
    /// Cancelled when the node begins to stop.
    pub stopping: CancellationToken,
}

/// The pages, for a separate listener.
pub fn status_router(pages: StatusPages) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(unknown_path)
        .layer(catch_panics(panicked))
        .with_state(Arc::new(pages))
}

/// The process is alive, whatever its state is: to restart it would not help.
async fn health(State(pages): State<Arc<StatusPages>>) -> Response {
    Json(json!({ "success": true, "version": pages.version })).into_response()
}

async fn ready(State(pages): State<Arc<StatusPages>>) -> Response {
    let node = pages.node.snapshot();
    let outcome = readiness(&node, pages.stopping.is_cancelled());
    let status = if outcome.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "success": outcome.is_ok(),
        "message": outcome.err().unwrap_or("ready"),
        "registered": node.registered,
        "configured": node.configured && !node.stale,
    });
    (status, Json(body)).into_response()
}

/// Whether the node can do its work, or why it can't. It can while the control plane is away, once it knows what to
/// serve.
fn readiness(node: &MetricsSnapshot, is_stopping: bool) -> Result<(), &'static str> {
    if is_stopping {
        Err("the node is being stopped")
    } else if !node.running {
        Err("a task of the node ended unexpectedly; restart the node")
    } else if node.stale {
        Err(
            "the control plane has been unreachable for longer than --configuration-max-age; the gateway refuses requests",
        )
    } else if !node.configured && !node.registered {
        Err("the node is not registered with the control plane yet; its log says why")
    } else if !node.configured {
        Err("the node has not received its configuration from the control plane yet")
    } else {
        Ok(())
    }
}

async fn metrics(State(pages): State<Arc<StatusPages>>, headers: HeaderMap) -> Response {
    if pages.metrics_token.as_ref().is_some_and(|token| !has_token(&headers, token)) {
        let message =
            "metrics need the token in the node's --metrics-token-file: send it as Authorization: Bearer …";
        let refusal = error(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
        return ([(WWW_AUTHENTICATE, "Bearer")], refusal).into_response();
    }
    let mut text = String::new();
    if encode(&mut text, &pages.metrics).is_err() {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the metrics can't be written");
    }
    let format = MetricsFormat::preferred(&headers);
    ([(CONTENT_TYPE, format.content_type()), (VARY, "Accept")], format.convert(text)).into_response()
}

/// Takes the same time for every wrong token of the right length.
fn has_token(headers: &HeaderMap, token: &Secret) -> bool {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        scheme.eq_ignore_ascii_case("bearer")
            && sent.trim().as_bytes().ct_eq(token.expose().as_bytes()).into()
    })
}

async fn unknown_path() -> Response {
    let message = "there is nothing at this path: a node serves /health, /ready and /metrics here";
    error(StatusCode::NOT_FOUND, "NOT_FOUND", message)
}

fn panicked(message: &str) -> Response {
    tracing::error!(message, "a handler panicked");
    error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", "the node has a bug; its log has the details")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "success": false, "error_code": code, "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn a_node_is_ready_when_it_knows_what_to_serve_even_if_the_control_plane_is_away() {
        let metrics = Metrics::default();
        let running = |registered| MetricsSnapshot { running: true, registered, ..metrics.snapshot() };
        assert!(readiness(&running(false), false).unwrap_err().contains("not registered"));
        assert!(readiness(&running(true), false).unwrap_err().contains("configuration"));
        metrics.configured.store(true, Ordering::Relaxed);
        assert_eq!(readiness(&running(false), false), Ok(()));
        assert!(readiness(&running(true), true).unwrap_err().contains("stopped"));
        metrics.stale.store(true, Ordering::Relaxed);
        assert!(readiness(&running(false), false).unwrap_err().contains("--configuration-max-age"));
        let broken = MetricsSnapshot { running: false, ..running(true) };
        assert!(readiness(&broken, false).unwrap_err().contains("restart"));
    }

    #[test]
    fn only_the_whole_token_opens_the_metrics() {
        let token = Secret::new("0123456789abcdef");
        let sent =
            |value: &str| has_token(&HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]), &token);
        assert!(sent("Bearer 0123456789abcdef") && sent("bearer 0123456789abcdef"));
        for wrong in ["", "Bearer", "Bearer 0123456789abcde", "Basic 0123456789abcdef", "0123456789abcdef"] {
            assert!(!sent(wrong), "{wrong}");
        }
        assert!(!has_token(&HeaderMap::new(), &token));
    }
}
