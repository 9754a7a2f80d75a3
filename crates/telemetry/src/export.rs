//! The queue of spans that have ended, and the task that exports them in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as ExportSpans};
use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep, timeout};

/// How many spans a batch may have.
const LARGEST_BATCH: usize = 512;
/// How long a batch is collected.
const COLLECTED_FOR: Duration = Duration::from_secs(1);
/// How long an export may take, including repetitions. Meanwhile, spans wait in the queue.
const EXPORTED_WITHIN: Duration = Duration::from_secs(10);
/// How often failures are logged at most.
const LOGGED_EVERY: Duration = Duration::from_mins(1);
/// The path of traces below the address of a collector (OTLP/HTTP).
const TRACES_PATH: &str = "/v1/traces";

/// Where traces are exported, and which ones.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSettings {
    /// The collector's address, such as `http://127.0.0.1:4318`. Traces are sent to `/v1/traces` below it.
    pub endpoint: String,
    /// The share of requests that are traced, from 0 to 1, unless their callers decide.
    pub ratio: f64,
    /// The version of the program.
    pub version: &'static str,
    /// The name of this server, if it has one.
    pub instance: Option<String>,
}

/// The exporter can't be created; the operator must correct the settings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExporterError(pub(crate) String);

/// The address that traces are sent to.
fn traces_url(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    if endpoint.ends_with(TRACES_PATH) { endpoint.to_owned() } else { format!("{endpoint}{TRACES_PATH}") }
}

pub(crate) fn exporter(
    settings: &TraceSettings,
    client: impl HttpClient + 'static,
) -> Result<SpanExporter, ExporterError> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(&settings.endpoint))
        .with_timeout(EXPORTED_WITHIN)
        .build()
        .map_err(|error| ExporterError(error.to_string()))?;
    let mut attributes =
        vec![KeyValue::new("service.name", "bucketry"), KeyValue::new("service.version", settings.version)];
    attributes.extend(settings.instance.clone().map(|name| KeyValue::new("service.instance.id", name)));
    exporter.set_resource(&Resource::builder_empty().with_attributes(attributes).build());
    Ok(exporter)
}

/// Why a span was not exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The queue was full, because the collector is slow or can't be reached.
    QueueFull,
    /// The trace has too many spans.
    TraceTooLong,
    /// The collector refused the batch or could not be reached.
    NotExported,
}

/// Spans on their way to the collector, and counts of them.
#[derive(Debug)]
pub(crate) struct SpanQueue {
    /// `None` once the queue is closed.
    spans: Mutex<Option<Sender<SpanData>>>,
    exported: AtomicU64,
    queue_full: AtomicU64,
    too_long: AtomicU64,
    not_exported: AtomicU64,
}

/// The number of spans since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SpanCounts {
    pub(crate) exported: u64,
    pub(crate) queue_full: u64,
    pub(crate) too_long: u64,
    pub(crate) not_exported: u64,
}

impl SpanQueue {
    pub(crate) fn new(most_waiting: usize) -> (Arc<Self>, Receiver<SpanData>) {
        let (spans, waiting) = channel(most_waiting);
        let queue = Self {
            spans: Mutex::new(Some(spans)),
            exported: AtomicU64::new(0),
            queue_full: AtomicU64::new(0),
            too_long: AtomicU64::new(0),
            not_exported: AtomicU64::new(0),
        };
        (Arc::new(queue), waiting)
    }

    /// Adds a span that has ended. Never waits.
    pub(crate) fn add(&self, span: SpanData) {
        let is_added = self.spans.lock().as_ref().is_some_and(|spans| spans.try_send(span).is_ok());
        if !is_added {
            self.dropped(Dropped::QueueFull);
        }
    }

    /// Counts a span that isn't exported.
    pub(crate) fn dropped(&self, reason: Dropped) {
        self.drop_several(reason, 1);
    }

    fn drop_several(&self, reason: Dropped, count: usize) {
        let counter = match reason {
            Dropped::QueueFull => &self.queue_full,
            Dropped::TraceTooLong => &self.too_long,
            Dropped::NotExported => &self.not_exported,
        };
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Takes no more spans, so that the task that exports them ends.
    pub(crate) fn close(&self) {
        *self.spans.lock() = None;
    }

    pub(crate) fn counts(&self) -> SpanCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SpanCounts {
            exported: read(&self.exported),
            queue_full: read(&self.queue_full),
            too_long: read(&self.too_long),
            not_exported: read(&self.not_exported),
        }
    }
}

/// Exports spans in batches until the queue is closed.
pub(crate) async fn export_spans(
    mut spans: Receiver<SpanData>,
    exporter: impl ExportSpans,
    queue: Arc<SpanQueue>,
) {
    let mut logged: Option<Instant> = None;
    loop {
        let mut batch = Vec::new();
        if spans.recv_many(&mut batch, LARGEST_BATCH).await == 0 {
            return;
        }
        if batch.len() < LARGEST_BATCH && !spans.is_closed() {
            sleep(COLLECTED_FOR).await;
            while batch.len() < LARGEST_BATCH
                && let Ok(span) = spans.try_recv()
            {
                batch.push(span);
            }
        }
        let count = batch.len();
        let failure = match timeout(EXPORTED_WITHIN, exporter.export(batch)).await {
            Ok(Ok(())) => {
                queue.exported.fetch_add(count as u64, Ordering::Relaxed);
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the collector didn't answer in time".to_owned(),
        };
        queue.drop_several(Dropped::NotExported, count);
        if logged.is_none_or(|at| at.elapsed() >= LOGGED_EVERY) {
            logged = Some(Instant::now());
            tracing::warn!(spans = count, reason = failure, "traces can't be exported");
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::SpanKind;
    use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

    use super::*;
    use crate::span::TraceSpan;

    #[test]
    fn traces_are_sent_below_the_address_of_the_collector() {
        for endpoint in ["http://host:4318", "http://host:4318/", "http://host:4318/v1/traces"] {
            assert_eq!(traces_url(endpoint), "http://host:4318/v1/traces");
        }
        assert_eq!(traces_url("https://host/otlp"), "https://host/otlp/v1/traces");
    }

    /// Records the sizes of batches, and fails while it is told to.
    #[derive(Debug, Default)]
    struct FakeExporter {
        batches: Arc<Mutex<Vec<usize>>>,
        fails: bool,
        stalls: bool,
    }

    impl ExportSpans for FakeExporter {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.batches.lock().push(batch.len());
            if self.stalls {
                std::future::pending::<()>().await;
            }
            if self.fails { Err(OTelSdkError::InternalFailure("refused".to_owned())) } else { Ok(()) }
        }
    }

    fn end_spans(queue: &Arc<SpanQueue>, count: usize) {
        for _ in 0..count {
            drop(TraceSpan::root(Arc::clone(queue), None, SpanKind::Server, "request"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn spans_are_exported_in_batches_and_the_rest_at_the_end() {
        let (queue, spans) = SpanQueue::new(4_096);
        let batches = Arc::<Mutex<Vec<usize>>>::default();
        let exporter = FakeExporter { batches: Arc::clone(&batches), ..FakeExporter::default() };
        let exporting = tokio::spawn(export_spans(spans, exporter, Arc::clone(&queue)));
        end_spans(&queue, 1_100);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(*batches.lock(), [512, 512, 76]);
        end_spans(&queue, 3);
        queue.close();
        exporting.await.unwrap();
        assert_eq!(queue.counts(), SpanCounts { exported: 1_103, ..SpanCounts::default() });
        end_spans(&queue, 1);
        assert_eq!(queue.counts().queue_full, 1, "after the end, spans are dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_that_fails_or_stalls_costs_spans_only() {
        for (fails, stalls) in [(true, false), (false, true)] {
            let (queue, spans) = SpanQueue::new(1_000);
            let exporter = FakeExporter { fails, stalls, ..FakeExporter::default() };
            tokio::spawn(export_spans(spans, exporter, Arc::clone(&queue)));
            // Without an await, nothing is exported meanwhile: only as many as fit the queue are taken.
            end_spans(&queue, 1_500);
            assert_eq!(queue.counts().queue_full, 500);
            sleep(Duration::from_mins(1)).await;
            let counts = queue.counts();
            assert_eq!((counts.exported, counts.not_exported), (0, 1_000));
        }
    }
}
