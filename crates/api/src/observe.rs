//! What the API measures of every request, and which requests its log leaves out.

use bucketry_web::access_log::{CompletedRequest, RequestMetrics};

use http::HeaderMap;

use crate::metrics::InFlight;
use crate::state::ApiState;

/// The calls of nodes, which sign their messages.
pub(crate) const NODE_ROUTES: [&str; 6] =
    ["/register", "/unregister", "/node/status", "/node/report", "/node/inventory", "/node/sync"];

/// Measures the requests of the API.
#[derive(Clone)]
pub(crate) struct ObservedApi(pub(crate) ApiState);

impl RequestMetrics for ObservedApi {
    type InFlight<'a> = InFlight<'a>;

    fn begin(&self, headers: &HeaderMap) -> InFlight<'_> {
        let tracer = self.0.settings().tracer.as_ref();
        self.0.metrics().begin(tracer.and_then(|tracer| tracer.request(headers, "request")))
    }

    fn end(in_flight: InFlight<'_>, request: CompletedRequest<'_>) {
        in_flight.end(request, Self::is_routine(request));
    }

    /// A node sends something every second. What an operator wants to see is what nodes are refused.
    fn is_routine(request: CompletedRequest<'_>) -> bool {
        NODE_ROUTES.contains(&request.route) && request.status < 400
    }
}
