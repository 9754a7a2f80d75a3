//! Random ids of traces and spans.

use opentelemetry::trace::{SpanId, TraceId};

/// Without random numbers, ids are invalid, and collectors ignore the spans.
pub(crate) fn random_trace_id() -> TraceId {
    let mut bytes = [0; 16];
    _ = getrandom::fill(&mut bytes);
    TraceId::from_bytes(bytes)
}

/// See [`random_trace_id`].
pub(crate) fn random_span_id() -> SpanId {
    let mut bytes = [0; 8];
    _ = getrandom::fill(&mut bytes);
    SpanId::from_bytes(bytes)
}
