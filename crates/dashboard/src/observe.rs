//! Which requests the log leaves out.

use bucketry_web::access_log::{CompletedRequest, RequestMetrics};
use http::HeaderMap;

/// Gives requests of pages an id and a line in the log. The metrics of the API don't count them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObservedPages;

impl RequestMetrics for ObservedPages {
    type InFlight<'a> = ();

    fn begin(&self, _: &HeaderMap) {}

    fn end((): (), _: CompletedRequest<'_>) {}

    /// An open page refreshes itself. What an operator wants to see is who changes something, and what fails.
    fn is_routine(request: CompletedRequest<'_>) -> bool {
        request.method == "GET" && request.status < 400
    }
}
