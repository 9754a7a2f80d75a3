//! Spans: one operation each, from its beginning to its end.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::export::{Dropped, SpanQueue};
use crate::ids::{random_span_id, random_trace_id};
use crate::trace_parent::TraceParent;

/// How many spans a trace may have in this process. A request that causes thousands of requests to a provider, such as
/// a deletion of many objects, is recorded only up to this number.
const MOST_SPANS: u32 = 128;

/// An operation in progress. Dropping it ends the operation and exports the span.
#[derive(Debug)]
pub struct TraceSpan(Option<Box<OpenSpan>>);

#[derive(Debug)]
struct OpenSpan {
    trace: Arc<Trace>,
    context: SpanContext,
    parent: Option<SpanContext>,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: SystemTime,
    attributes: Vec<KeyValue>,
    status: Status,
}

/// What the spans of a trace have in common.
#[derive(Debug)]
struct Trace {
    queue: Arc<SpanQueue>,
    spans: AtomicU32,
}

/// A span that other spans can be children of. Cheap to clone. The span may have ended.
#[derive(Debug, Clone)]
pub struct SpanHandle {
    trace: Arc<Trace>,
    context: SpanContext,
}

impl TraceSpan {
    /// Begins a trace, or continues that of a caller.
    pub(crate) fn root(
        queue: Arc<SpanQueue>,
        caller: Option<TraceParent>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        let parent = caller.map(|caller| {
            let state = TraceState::default();
            SpanContext::new(caller.trace_id, caller.span_id, TraceFlags::SAMPLED, true, state)
        });
        let trace_id = parent.as_ref().map_or_else(random_trace_id, SpanContext::trace_id);
        let context =
            SpanContext::new(trace_id, random_span_id(), TraceFlags::SAMPLED, false, TraceState::default());
        let trace = Arc::new(Trace { queue, spans: AtomicU32::new(1) });
        Self::begin(trace, context, parent, kind, name.into())
    }

    fn begin(
        trace: Arc<Trace>,
        context: SpanContext,
        parent: Option<SpanContext>,
        kind: SpanKind,
        name: Cow<'static, str>,
    ) -> Self {
        Self(Some(Box::new(OpenSpan {
            trace,
            context,
            parent,
            kind,
            name,
            began: SystemTime::now(),
            attributes: Vec::new(),
            status: Status::Unset,
        })))
    }

    /// Names the span, once it is known what the operation is.
    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.0 {
            open.name = name.into();
        }
    }

    /// Adds an attribute. Must not be a secret, or a text that a client chose.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(open) = &mut self.0 {
            open.attributes.push(KeyValue::new(name, value));
        }
    }

    /// Adds the status of an HTTP response. One of 500 and above is a failure.
    pub fn set_http_status(&mut self, status: u16) {
        self.set("http.response.status_code", i64::from(status));
        if status >= 500 {
            self.fail("");
        }
    }

    /// Marks the operation as failed, with a reason that doesn't depend on what a client sent.
    pub fn fail(&mut self, reason: &'static str) {
        if let Some(open) = &mut self.0 {
            open.status = Status::error(reason);
        }
    }

    /// The span as a parent of others.
    pub fn handle(&self) -> Option<SpanHandle> {
        let open = self.0.as_ref()?;
        Some(SpanHandle { trace: Arc::clone(&open.trace), context: open.context.clone() })
    }

    /// Ends the operation without exporting the span.
    pub fn discard(mut self) {
        self.0 = None;
    }
}

impl Drop for TraceSpan {
    fn drop(&mut self) {
        let Some(open) = self.0.take() else { return };
        let OpenSpan { trace, context, parent, kind, name, began, attributes, status } = *open;
        trace.queue.add(SpanData {
            span_context: context,
            parent_span_id: parent.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: parent.as_ref().is_some_and(SpanContext::is_remote),
            span_kind: kind,
            name,
            start_time: began,
            // A clock that was set back would end the span before its beginning.
            end_time: SystemTime::now().max(began),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder("bucketry").build(),
        });
    }
}

impl SpanHandle {
    /// Begins a child that sends a request to another server. `None` if the trace has too many spans.
    pub fn client_span(&self, name: &'static str) -> Option<TraceSpan> {
        if self.trace.spans.fetch_add(1, Ordering::Relaxed) >= MOST_SPANS {
            self.trace.queue.dropped(Dropped::TraceTooLong);
            return None;
        }
        let context = SpanContext::new(
            self.context.trace_id(),
            random_span_id(),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let (trace, parent) = (Arc::clone(&self.trace), Some(self.context.clone()));
        Some(TraceSpan::begin(trace, context, parent, SpanKind::Client, name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn children_belong_to_the_trace_of_the_caller_and_are_limited() {
        let (queue, mut spans) = SpanQueue::new(1_000);
        let mut headers = http::HeaderMap::new();
        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert("traceparent", caller.parse().unwrap());
        let mut root =
            TraceSpan::root(Arc::clone(&queue), TraceParent::of(&headers), SpanKind::Server, "request");
        root.rename("PutObject");
        root.set_http_status(503);
        let handle = root.handle().unwrap();
        drop(handle.client_span("PUT"));
        drop(root);
        let (child, root) = (spans.try_recv().unwrap(), spans.try_recv().unwrap());
        for span in [&child, &root] {
            assert_eq!(span.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert!(span.span_context.is_sampled() && span.end_time >= span.start_time);
        }
        assert_eq!(root.parent_span_id.to_string(), "00f067aa0ba902b7");
        assert!(root.parent_span_is_remote && !child.parent_span_is_remote);
        assert_eq!(child.parent_span_id, root.span_context.span_id());
        assert_ne!(child.span_context.span_id(), root.span_context.span_id());
        assert_eq!((&*root.name, &root.status), ("PutObject", &Status::error("")));

        let begun = (0..1_000).filter_map(|_| handle.client_span("DELETE")).count();
        assert_eq!(begun, MOST_SPANS as usize - 2, "with the two before");
        assert_eq!(queue.counts().too_long, 1_000 - begun as u64);
    }

    #[tokio::test]
    async fn a_discarded_span_is_not_exported() {
        let (queue, mut spans) = SpanQueue::new(10);
        TraceSpan::root(queue, None, SpanKind::Server, "poll").discard();
        assert!(spans.try_recv().is_err());
    }
}
