//! Begins traces.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::trace::SpanKind;
use opentelemetry_http::HttpClient;
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::collector::TraceCollector;
use crate::current;
use crate::export::{ExporterError, SpanQueue, TraceSettings, export_spans, exporter};
use crate::sampling::Sampling;
use crate::span::TraceSpan;
use crate::trace_parent::TraceParent;

/// How many spans may wait to be exported.
const MOST_WAITING: usize = 4_096;
/// How long the end of the process waits until the last spans are exported.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// Decides which requests are traced, and begins their spans. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tracer(Arc<TracerInner>);

#[derive(Debug)]
struct TracerInner {
    sampling: Sampling,
    queue: Arc<SpanQueue>,
    exporting: Mutex<Option<JoinHandle<()>>>,
}

impl Tracer {
    /// Starts the task that exports spans. Must be called within a Tokio runtime.
    pub fn start(settings: &TraceSettings, client: impl HttpClient + 'static) -> Result<Self, ExporterError> {
        let exporter = exporter(settings, client)?;
        let (queue, spans) = SpanQueue::new(MOST_WAITING);
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|error| ExporterError(error.to_string()))?;
        let exporting = tokio::spawn(export_spans(spans, exporter, Arc::clone(&queue)));
        current::switch_on();
        Ok(Self(Arc::new(TracerInner {
            sampling: Sampling::new(settings.ratio, u64::from_ne_bytes(seed)),
            queue,
            exporting: Mutex::new(Some(exporting)),
        })))
    }

    /// Begins the span of a request, if it is traced: if the caller's `traceparent` says so, or without such a header,
    /// at random.
    pub fn request(&self, headers: &HeaderMap, name: &'static str) -> Option<TraceSpan> {
        let caller = TraceParent::of(headers);
        let is_traced = match caller {
            Some(caller) => caller.sampled && self.0.sampling.grants(Instant::now()),
            None => self.0.sampling.takes(),
        };
        is_traced.then(|| self.root(caller, SpanKind::Server, name))
    }

    /// Begins the span of a job that no request waits for, if it is traced.
    pub fn job(&self, name: impl Into<Cow<'static, str>>) -> Option<TraceSpan> {
        self.0.sampling.takes().then(|| self.root(None, SpanKind::Internal, name))
    }

    fn root(
        &self,
        caller: Option<TraceParent>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> TraceSpan {
        TraceSpan::root(Arc::clone(&self.0.queue), caller, kind, name)
    }

    /// Counts exported and dropped spans, for metrics.
    pub fn collector(&self) -> TraceCollector {
        TraceCollector::new(Arc::clone(&self.0.queue))
    }

    /// Exports the spans that have ended, within a few seconds. Further spans are dropped.
    pub async fn stop(&self) {
        self.0.queue.close();
        let exporting = self.0.exporting.lock().take();
        if let Some(mut exporting) = exporting
            && tokio::time::timeout(LAST_EXPORT, &mut exporting).await.is_err()
        {
            exporting.abort();
            tracing::warn!("the last traces could not be exported in time");
        }
    }
}
